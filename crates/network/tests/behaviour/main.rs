//! What a user of the network can see, one file for each behaviour.

mod expiry;
mod firewall;
mod hairpin;
mod icmp;
mod internet;
mod isolation;
mod lan;
mod limits;
mod links;
mod nested;
mod outages;
mod refusals;
mod routed;
mod topology;
mod wan_input;
mod world;
