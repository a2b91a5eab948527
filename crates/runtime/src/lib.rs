//! Virtual time for unmodified async code and for sans-IO processes on a natbed network.
//!
//! A [`World`] is a network and the software on its hosts. It runs in virtual time: the clock
//! jumps from event to event, exact to the nanosecond, and a run costs what its events cost. The
//! software is of three kinds:
//!
//! - Async code on tokio, unmodified: it uses [`UdpSocket`]s bound on a [`Host`], [`TcpListener`]s
//!   and [`TcpStream`]s, and tokio's own tasks, timers and channels. `SystemTime`, `Instant`, hash keys and `rand` see virtual time
//!   and the run's seed, because libc's clocks and entropy are replaced on simulation threads
//!   (`interpose.rs`).
//! - A [`Process`]: sans-IO software that is handed datagrams and times, thousands in one world.
//!   A world of processes alone ([`World::run`]) starts no async runtime.
//! - An [`Inlet`]: the entrance of a foreign async network stack that brings sockets of its own.
//!
//! [`run_on_fresh_thread`] gives a run the thread it needs, and [`run_many`] does so for many.
//! A program calls [`self_check`] before its first run.
//!
//! ```
//! use natbed_network::{
//!     Attachment, HostConfig, InterfaceConfig, InternetConfig, Limits as NetworkLimits,
//!     LinkConfig, Network, PipeConfig,
//! };
//! use natbed_runtime::{Limits, RunEnd, World, run_on_fresh_thread};
//! use natbed_units::{Seed, SimDuration};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let seed = Seed::new(7);
//! let finished = run_on_fresh_thread(seed, || {
//!     let mut network = Network::new(seed, NetworkLimits::default(), ());
//!     network.set_internet(InternetConfig { delay: SimDuration::from_millis(20) });
//!     let link = LinkConfig::symmetric(PipeConfig::with_delay(SimDuration::from_millis(5)));
//!     let [alice, bob] = ["198.51.100.1", "198.51.100.2"].map(|address| {
//!         let (attachment, link) = (Attachment::Internet, link.clone());
//!         let interface =
//!             InterfaceConfig { address: address.parse().expect("an address"), attachment, link };
//!         let name = address.to_owned();
//!         let config = HostConfig { name, interfaces: vec![interface], firewall: None };
//!         network.add_host(config).expect("the address is free")
//!     });
//!     let mut world = World::new(network, seed, Limits::default());
//!     let (alice, bob) = (world.host(alice), world.host(bob));
//!     world.run_async(async move {
//!         let listener = bob.bind_udp(9)?;
//!         alice.bind_udp(0)?.send_to(b"hello", listener.local_addr())?;
//!         listener.recv().await
//!     })
//! })??;
//! // Two links of 5 ms and the core in between.
//! assert_eq!(finished.report.at.to_string(), "30ms");
//! assert_eq!(finished.report.end, RunEnd::Stopped);
//! assert_eq!(&finished.output.expect("it has returned")?.payload[..], b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! Not in scope: threads inside of a run, `spawn_blocking`, files, and platforms
//! other than Linux with glibc.
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
compile_error!(
    "natbed-runtime replaces libc's clocks and entropy for simulation threads, which is known to \
     work on Linux with glibc only; build for a *-linux-gnu target"
);

// Not when rustdoc reads the crate: it takes its flags from elsewhere.
#[cfg(not(any(tokio_unstable, doc, doctest)))]
compile_error!(
    "natbed-runtime needs `--cfg tokio_unstable` for runs that repeat bit for bit; the \
     workspace's .cargo/config.toml sets it, but a RUSTFLAGS variable in the environment overrides \
     that file: unset it, or add the flag to it"
);

mod clock;
mod driver;
mod error;
mod handle;
#[allow(unsafe_code)]
mod interpose;
mod process;
mod report;
mod self_check;
mod shared;
mod simulated;
mod socket;
mod sockets;
mod tcp;
mod thread;
mod world;

pub use error::RunError;
pub use handle::{Alarm, Handle};
pub use interpose::{real_monotonic_time, thread_cpu_time};
pub use process::{Inlet, Process, Transmit};
pub use report::{Limits, RunEnd, RunReport};
pub use self_check::{SelfCheckError, self_check};
pub use simulated::{EPOCH_UNIX_SECONDS, ahead_of_time, wall_clock};
pub use socket::{Host, UdpSocket};
pub use sockets::Datagram;
pub use tcp::{Congestion, TcpConfig, TcpListener, TcpStatistics, TcpStream};
pub use thread::{run_many, run_on_fresh_thread};
pub use world::{Finished, World, WorldHandle};
