//! Pipes as links: lines, queues, loss, jitter, marks, and changes, seen from outside.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod change;
mod damage;
mod fair;
mod jitter;
mod lab;
mod line;
mod loss;
mod managed;
mod names;
mod whole;
