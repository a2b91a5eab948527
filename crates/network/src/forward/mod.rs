//! What each kind of node does with a packet.

mod answer;
mod fragments;
mod host;
mod router;
mod segment;
