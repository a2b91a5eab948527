//! The firewall: a stateful filter that translates nothing.

use std::net::IpAddr;

use natbed_packet::{Body, DropReason, Icmp, Packet, Protocol};
use natbed_units::{LookupMap, SimDuration, SimTime};

use crate::direction::Direction;
use crate::expiry::{EntryId, ExpiringSlab};
use crate::key::FlowKey;
use crate::{Action, FirewallConfig, Policy, Rule};

/// A stateful firewall on a router or a host, sans-IO.
///
/// The first packet of a flow is judged by the rules of its direction; what belongs to a flow that
/// was let through passes both ways until the flow has been idle for its time. ICMP errors pass if
/// the packet they quote belongs to such a flow, and never renew it (RFC 6092 REC-10, REC-18).
///
/// A firewall that lets everything pass both ways keeps no state, since there is nothing to decide:
/// it also passes ICMP errors about flows that it never saw.
#[derive(Clone, Debug)]
pub struct Firewall {
    config: FirewallConfig,
    passes_all: bool,
    flows: ExpiringSlab<FlowKey>,
    ids: LookupMap<FlowKey, EntryId>,
}

impl Firewall {
    /// Makes a firewall without state.
    #[must_use]
    pub fn new(config: FirewallConfig) -> Self {
        Self {
            passes_all: config.outbound.allows_all() && config.inbound.allows_all(),
            flows: ExpiringSlab::new(config.max_flows),
            ids: LookupMap::new(),
            config,
        }
    }

    /// Judges a packet that leaves the protected side.
    ///
    /// # Errors
    ///
    /// [`DropReason::FirewallOutbound`], [`DropReason::FirewallRejected`], or
    /// [`DropReason::FirewallTableFull`] if the flow is allowed but there is no room for it.
    pub fn outbound(&mut self, now: SimTime, packet: &Packet) -> Result<(), DropReason> {
        self.judge(now, packet, Direction::Outbound)
    }

    /// Judges a packet that comes to the protected side.
    ///
    /// # Errors
    ///
    /// [`DropReason::FirewallInbound`], [`DropReason::FirewallRejected`], or
    /// [`DropReason::FirewallTableFull`] if the flow is allowed but there is no room for it.
    pub fn inbound(&mut self, now: SimTime, packet: &Packet) -> Result<(), DropReason> {
        self.judge(now, packet, Direction::Inbound)
    }

    fn judge(
        &mut self,
        now: SimTime,
        packet: &Packet,
        direction: Direction,
    ) -> Result<(), DropReason> {
        if self.passes_all {
            return Ok(());
        }
        self.handle_timeout(now);
        let (policy, dropped) = match direction {
            Direction::Outbound => (&self.config.outbound, DropReason::FirewallOutbound),
            Direction::Inbound => (&self.config.inbound, DropReason::FirewallInbound),
        };
        if let Body::Icmp(Icmp::Error { quoted, .. }) = &packet.body {
            // The quoted packet went the other way.
            let (inside, outside) = match direction {
                Direction::Outbound => (quoted.destination, quoted.source),
                Direction::Inbound => (quoted.source, quoted.destination),
            };
            let known = self.ids.contains_key(&FlowKey::new(quoted.protocol, inside, outside));
            return if known { Ok(()) } else { Err(dropped) };
        }
        let (Some(source), Some(destination)) =
            (packet.source_endpoint(), packet.destination_endpoint())
        else {
            return Err(dropped);
        };
        let (inside, outside) = match direction {
            Direction::Outbound => (source, destination),
            Direction::Inbound => (destination, source),
        };
        let protocol = packet.protocol();
        let key = FlowKey::new(protocol, inside, outside);
        let expires = now + self.config.timeout(protocol);
        if let Some(id) = self.ids.get(&key) {
            self.flows.renew(*id, |_| Some(expires));
            return Ok(());
        }
        match policy.decide(protocol, destination.port, outside.ip) {
            Action::Allow if self.flows.is_full() => Err(DropReason::FirewallTableFull),
            Action::Allow => {
                let id = self.flows.insert(key, expires);
                self.ids.insert(key, id);
                Ok(())
            }
            Action::Drop => Err(dropped),
            Action::Reject => Err(DropReason::FirewallRejected),
        }
    }

    /// Returns when to call [`Firewall::handle_timeout`] next; `None` if nothing will expire.
    ///
    /// It may be earlier than the next expiry, and any packet can change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        self.flows.next_wakeup()
    }

    /// Ends what has expired; to call it early, late or twice does no harm.
    pub fn handle_timeout(&mut self, now: SimTime) {
        while let Some((_, key)) = self.flows.pop_expired(now) {
            self.ids.remove(&key);
        }
    }

    /// Forgets all flows, as a reboot does.
    pub fn flush(&mut self) {
        self.flows.clear();
        self.ids.clear();
    }

    /// Returns how many flows it keeps.
    #[must_use]
    pub fn flow_count(&self) -> usize {
        self.flows.len()
    }
}

impl FirewallConfig {
    const fn timeout(&self, protocol: Protocol) -> SimDuration {
        match protocol {
            Protocol::Udp => self.udp_timeout,
            Protocol::Tcp => self.tcp_timeout,
            Protocol::Icmp => self.icmp_timeout,
        }
    }
}

impl Policy {
    fn allows_all(&self) -> bool {
        let mut actions = self.rules.iter().map(|rule| rule.action).chain([self.default]);
        actions.all(|action| action == Action::Allow)
    }

    fn decide(&self, protocol: Protocol, port: u16, remote: IpAddr) -> Action {
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
