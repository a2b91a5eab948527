//! What a user of the NAT and the firewall can see, tested through their public surface.

mod lab;
mod outcome;
