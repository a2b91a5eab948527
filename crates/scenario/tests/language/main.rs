//! The scenario language as a user meets it.

mod copies;
mod diagnostics;
mod discovery;
mod fuzz;
mod gateways;
mod limits;
mod links;
mod loads;
mod marked;
mod matrix;
mod properties;
mod reference;
mod timeline;
mod two_homes;
mod worlds;
