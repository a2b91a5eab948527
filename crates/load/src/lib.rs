//! What goes over a connected session, and what came of it.
//!
//! Each load is two sans-IO state machines, one at each peer ([`Side`]); it neither knows a clock
//! nor how its datagrams travel. [`LoadSet`] runs the loads of a session over the selected ICE pair,
//! or between plain sockets with [`run_bare_session`], TCP included; [`LoadProcess`] runs them
//! between UDP ports of two hosts without any async code.
//!
//! | load | what it is |
//! |---|---|
//! | [`EchoConfig`] | datagrams that each peer sends and the other sends back |
//! | [`CallConfig`] | datagrams at a constant bit rate, as calls send them |
//! | [`quic::QuicConfig`] | a bulk transfer over QUIC |
//! | [`SctpConfig`] | a bulk transfer over SCTP, as data channels make it |
//! | [`TcpTransfer`] | a bulk transfer over TCP, between hosts without ICE |
//!
//! # On the wire
//!
//! Every datagram begins with the eight bytes of its load's
//! [`PayloadTag`](natbed_network::observe::PayloadTag), by which the network's witness knows it.
//! A load that [is stamped](Side::is_stamped) follows it with the time of sending, eight bytes of
//! nanoseconds in network byte order: virtual clocks agree, so the receiver knows the one-way delay.
//!
//! Not in scope: judging. What a load came to is a [`SideReport`] of each side.
#![forbid(unsafe_code)]

mod bare;
mod call;
mod config;
mod echo;
mod lanes;
mod process;
pub mod quic;
mod sctp;
mod series;
mod session;
mod side;
mod transfer;

pub use bare::{BareConfig, TcpTransfer, UdpChannel, run_bare_session};
pub use call::{CallConfig, CallReport, MediaPreset};
pub use config::{Amount, Direction, LoadConfig, LoadError, PlannedLoad};
pub use echo::{EchoConfig, EchoReport};
pub use process::LoadProcess;
pub use sctp::SctpConfig;
pub use series::Series;
pub use session::LoadSet;
pub use side::{Side, SideReport};
pub use transfer::{TransferConfig, TransferReport};
