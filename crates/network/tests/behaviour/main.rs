//! What a user of the network can see, one file for each behaviour.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod accounting;
mod boxes;
mod call;
mod capture;
mod changes;
mod counters;
mod expiry;
mod firewall;
mod fragments;
mod hairpin;
mod icmp;
mod internet;
mod isolation;
mod lan;
mod lifecycle;
mod limits;
mod links;
mod multicast;
mod nested;
mod outages;
mod own_words;
mod pcapng;
mod ping;
mod random;
mod refusals;
mod routed;
mod topology;
mod trace_hash;
mod tshark;
mod wan_input;
mod witness;
mod world;
