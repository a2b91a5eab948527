//! What the rules of a firewall say about a new flow.

use std::net::IpAddr;

use natbed_packet::Protocol;

use crate::{Action, Policy, Rule};

impl Policy {
    /// Says whether nothing can be refused.
    pub(super) fn allows_all(&self) -> bool {
        let mut actions = self.rules.iter().map(|rule| rule.action).chain([self.default]);
        actions.all(|action| action == Action::Allow)
    }

    /// Decides on a flow by the destination port of its first packet and the far side.
    pub(super) fn decide(&self, protocol: Protocol, port: u16, remote: IpAddr) -> Action {
        let rule = self.rules.iter().find(|rule| rule.matches(protocol, port, remote));
        rule.map_or(self.default, |rule| rule.action)
    }
}

impl Rule {
    fn matches(&self, protocol: Protocol, port: u16, remote: IpAddr) -> bool {
        self.protocol.is_none_or(|only| only == protocol)
            && self
                .ports
                .as_ref()
                .is_none_or(|ports| protocol != Protocol::Icmp && ports.contains(&port))
            && self.remote.is_none_or(|net| net.contains(&remote))
    }
}
