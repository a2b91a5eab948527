use criterion::{criterion_group, criterion_main};
fn main() {}
