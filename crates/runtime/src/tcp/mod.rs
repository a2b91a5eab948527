//! TCP for async code: real TCP (the sans-IO state machines of smoltcp) behind sockets that look
//! like an operating system's.
//!
//! Each host that uses TCP has a stack (`stack.rs`), which lives beside the UDP sockets in what
//! async code and the driver share. A segment that arrives is handled at once, and what it brings
//! about is sent in the same instant; what tasks do with a stream is handled when they do it. The
//! driver looks at the stacks when their timers are due.

mod config;
mod connection;
mod frame;
mod hosts;
mod listener;
mod stack;
mod statistics;
mod stream;

pub use config::{Congestion, TcpConfig};
pub use listener::TcpListener;
pub use statistics::TcpStatistics;
pub use stream::TcpStream;

pub(crate) use hosts::TcpHosts;
pub(crate) use stack::TcpStack;
