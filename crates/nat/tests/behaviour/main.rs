//! What a user of the NAT and the firewall can see, tested through their public surface.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod any;
mod blocks;
mod chaos;
mod classes;
mod configuration;
mod firewall;
mod firewall_limits;
mod hairpin;
mod lab;
mod lifetimes;
mod linux;
mod model;
mod nat64;
mod outcome;
mod pool;
mod ports;
mod profiles;
mod properties;
mod rfc4787;
mod rfc5382;
mod rfc5508;
mod rfc6092;
mod rfc6888;
mod rfc7857;
mod rfc7857_tcp;
mod scope;
mod state;
mod stateless;
mod translator;
