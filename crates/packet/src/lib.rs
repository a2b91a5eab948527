//! IP packets as typed values, and their bytes at the rims.
//!
//! Inside natbed a packet is a [`Packet`]: addresses, hop limit and a typed
//! body. Nothing is encoded or checksummed on the way through the network;
//! [`wire`] turns packets into bytes where bytes are wanted (captures, TUN
//! devices) and back, and [`pcapng`] writes capture files.
#![forbid(unsafe_code)]

mod drop_reason;
mod ecn;
mod endpoint;
mod fragment;
mod packet;
pub mod pcapng;
pub mod wire;

pub use drop_reason::DropReason;
pub use ecn::Ecn;
pub use endpoint::Endpoint;
pub use fragment::Fragment;
pub use packet::{Body, Icmp, IcmpErrorKind, Packet, Protocol, Quoted, Tcp, TcpFlags, Udp};
