//! NAT Behavior Discovery (RFC 5780): a STUN server with two addresses and two ports, and a client
//! that can ask it for everything the RFC knows.
//!
//! Both are sans-IO [`Process`](natbed_runtime::Process)es; messages are those of the `stun` crate.
//! The client sends each request once and draws no conclusions: which requests make a test is for
//! its user to say, and a second copy of one would renew the very timer that is being measured.
//!
//! Not in scope: TCP and TLS, authentication, and finding the server by DNS.

mod client;
mod message;
mod server;

pub use client::{DiscoveryClient, DiscoveryEvent};
pub use message::{BindingRequest, BindingResponse, Change, TransactionId};
pub use server::DiscoveryServer;
