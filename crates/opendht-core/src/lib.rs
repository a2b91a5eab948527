//! The real C++ OpenDHT core as a host of a natbed network, in virtual time.
//!
//! [`natbed_dht`](https://docs.rs/natbed-dht) speaks as OpenDHT does; this crate *is* OpenDHT: it
//! links the system's libopendht and drives its `dht::Dht` through the seam that class has, a
//! socket and a function to call at times. So the same scenario can be run with real nodes, or with
//! both kinds in one network, bit for bit the same each time.
//!
//! The C++ part is compiled only with the feature `core`, which needs the Debian packages `g++` and
//! `libopendht-dev` (2.4.12 in Debian 12). Without the feature the crate is empty but for
//! [`IS_AVAILABLE`]. With it:
//!
//! - `CoreNode`: one node, sans-IO, with the verbs of `natbed_dht::Node`
//! - `CoreProcess`: the same as a `natbed_runtime::Process` on a port of a host
//! - `self_check`: proves that the executable is linked as determinism needs it
//!
//! # How it is deterministic
//!
//! While a node's code runs, and on its thread alone, `std::chrono`'s clocks show the time that the
//! caller gives, `std::random_device` draws from the node's seed, and `operator new` takes memory
//! from the node's own heap. The last is needed because the core walks through maps whose keys are
//! pointers: with the system's allocator, the order in which it sends would depend on what else the
//! program has allocated. `cpp/interpose.cpp` defines these functions in the executable, where they
//! take precedence over libstdc++'s; the linker exports them by itself because libopendht refers to
//! them. No link argument and no build script is needed in the executable's own package. It must be
//! linked dynamically, with libopendht and libstdc++ as shared libraries.
//!
//! Each node has its own heap and generator: adding a host does not change what another one does.
//! The core has no containers that hash pointers, so where a heap lies does not matter. Nothing of
//! this depends on a simulation thread: clocks are set from the `now` of each call.
//!
//! # What it is not
//!
//! The bare `dht::Dht` has no cryptography: signed and encrypted values pass through it as they
//! are, and signatures are not checked. Operations begin at once, where `DhtRunner` holds those back
//! that come while it knows nodes but has heard none. It has no client mode: OpenDHT 2.4 never asks
//! others to keep it out of their tables. Other versions of the library send other datagrams at
//! other times; a recorded trace hash belongs to one of them.
#![deny(unsafe_code)]

/// Whether this crate was built with the real core in it (its feature `core`).
pub const IS_AVAILABLE: bool = cfg!(feature = "core");

#[cfg(feature = "core")]
mod config;
#[cfg(feature = "core")]
mod error;
#[cfg(feature = "core")]
#[allow(unsafe_code)]
mod ffi;
#[cfg(feature = "core")]
mod node;
#[cfg(feature = "core")]
mod process;

#[cfg(feature = "core")]
pub use self::{
    config::{CoreConfig, CoreContact},
    error::CoreError,
    ffi::self_check,
    node::{CoreEvent, CoreNode, CoreOperation, CoreStatus},
    process::CoreProcess,
};
