//! Values with units, parsed and printed the way scenario files write them.
//!
//! Everything that is measured in natbed has a type of its own here, so that a
//! number can never be read with the wrong unit, and so that nothing below
//! `natbed-runtime` can reach a clock or an unseeded generator by accident:
//!
//! - [`SimTime`], [`SimDuration`]: virtual time in nanoseconds, always an argument
//! - [`Rate`], [`ByteCount`], [`Ppm`]: link rates, sizes, probabilities
//! - [`trace::Trace`]: what a real link carried, read from a file
//! - [`Seed`], [`SimRng`]: randomness derived from (run seed, component name)
//! - [`LookupMap`]: a hash map that cannot be iterated, so its order cannot leak
#![forbid(unsafe_code)]

mod lookup;
mod parse;
mod quantity;
mod rng;
mod time;
pub mod trace;

pub use lookup::LookupMap;
pub use parse::ParseQuantityError;
pub use quantity::{ByteCount, Ppm, Rate};
pub use rng::{Seed, SimRng};
pub use time::{SimDuration, SimTime};
