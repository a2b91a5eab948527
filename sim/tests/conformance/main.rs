//! The conformance checks held against boxes of which it is known what they do: one test for each
//! requirement, with a box that meets it and a broken one that is caught.

mod boxes;
mod command;
mod faults;
mod rfc4787;
mod rfc5382;
mod rfc5508;
mod rfc6092;
mod rfc6888;
mod rfc7857;
mod table;
