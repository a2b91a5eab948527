//! What each kind of node does with a packet.

mod host;
mod router;
mod segment;
