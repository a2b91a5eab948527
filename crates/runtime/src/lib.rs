//! Virtual time for unmodified async code and for sans-IO processes.
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
pub use thread::{run_many, run_on_fresh_thread};
pub use world::{Finished, World, WorldHandle};
