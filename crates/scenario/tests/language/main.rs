//! The scenario language as a user meets it.

mod diagnostics;
mod fuzz;
mod limits;
mod marked;
mod matrix;
mod two_homes;
mod worlds;
