//! What each kind of node does with a packet.

mod answer;
mod box_of;
mod fragments;
mod groups;
mod host;
mod router;
mod segment;

pub use groups::JoinError;
