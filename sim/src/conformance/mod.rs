//! Which requirements of the RFCs a box meets, found out from its outside alone.
//!
//! A box is a [`Middlebox`]: packets go in on a side, packets come out on a side, time moves;
//! nothing else of it is seen. A check gets a [`Lab`], which builds as many fresh boxes as the
//! check wants ([`Subject`] is the factory), drives them by means of a [`Trial`], and ends in a
//! [`Finding`]. [`requirements`] is the table of all: RFC 4787 (UDP), 5382 (TCP), 5508 (ICMP), 6888
//! (carrier NATs) and 7857 (updates) for boxes that translate, RFC 6092 for IPv6 firewalls.
//!
//! Every [`Behaviour`](natbed_nat::Behaviour) is a subject. [`Testbed`] is its box: a simulated network with a LAN of several hosts, the
//! box as their gateway, and hosts outside, so that everything a gateway does belongs to the box:
//! its ICMP errors, its MTU, its hop count, its late answers.
//!
//! Not in scope: what shows in no packet (how a box is configured, managed or logs), protocols that
//! the simulator does not carry (SCTP, DCCP, IPsec), and checksums, which its packets do not have.
//! Such requirements are in the table with the reason, so that nobody takes them for forgotten.

mod common;
mod finding;
mod fragments;
mod lab;
mod middlebox;
mod packets;
mod render;
mod requirement;
mod rfc4787;
mod rfc5382;
mod rfc5508;
mod rfc6092;
mod rfc6888;
mod rfc7857;
mod testbed;
mod trial;

pub use finding::{Finding, Outcome, Shortfall};
pub use lab::Lab;
pub use middlebox::{Addresses, Middlebox, Setting, Subject};
pub use render::{Conformance, human, json, markdown};
pub use requirement::{Check, Level, Requirement, examine, requirements};
pub use testbed::{Surroundings, Testbed};
pub use trial::{Complaint, Flow, Trial};
