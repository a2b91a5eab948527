//! The firewall: a stateful filter that translates nothing.

mod permissions;
mod policy;
mod rate;
mod validate;

use std::collections::BTreeSet;
use std::net::IpAddr;

use natbed_packet::{Body, DropReason, Endpoint, Icmp, IcmpErrorKind, Packet, Protocol};
use natbed_units::{LookupMap, SimTime};

use self::permissions::Permissions;
use self::rate::TokenBucket;
pub use self::validate::FirewallConfigError;
use crate::answer::Answers;
use crate::direction::Direction;
use crate::expiry::{EntryId, ExpiringSlab};
use crate::key::FlowKey;
use crate::lifetime::{Lifetime, Timers};
use crate::tcp;
use crate::{Action, Answer, FirewallConfig};

/// A stateful firewall on a router or a host, sans-IO.
///
/// The first packet of a flow is judged by the rules of its direction; what belongs to a flow that
/// was let through passes both ways until the flow has been idle for its time. Whether others may
/// answer a flow that was let out is its filter's business ([`FirewallConfig::filtering`]). ICMP
/// errors pass if the packet they quote belongs to a flow, and neither renew nor end it (RFC 6092
/// REC-10, REC-18, REC-19, REC-36, REC-37).
///
/// A firewall that lets everything pass, and neither counts nor times anything, keeps no state,
/// since there is nothing to decide: it also passes ICMP errors about flows that it never saw.
#[derive(Clone, Debug)]
pub struct Firewall {
    config: FirewallConfig,
    timers: Timers,
    passes_all: bool,
    flows: ExpiringSlab<Flow>,
    ids: LookupMap<FlowKey, EntryId>,
    permissions: Permissions,
    udp_bucket: Option<TokenBucket>,
    /// Who may get out through the captive portal.
    logged_in: BTreeSet<IpAddr>,
    answers: Answers,
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    protocol: Protocol,
    inside: Endpoint,
    outside: Endpoint,
    lifetime: Lifetime,
}

impl Flow {
    fn key(&self) -> FlowKey {
        FlowKey::new(self.protocol, self.inside, self.outside)
    }

    /// Whether others may answer it, if the filter lets them.
    fn was_let_out(&self) -> bool {
        self.lifetime.opener == Direction::Outbound
    }
}

impl Firewall {
    /// Makes a firewall without state.
    ///
    /// It takes any configuration; whether it makes sense is told by [`FirewallConfig::validate`].
    #[must_use]
    pub fn new(config: FirewallConfig) -> Self {
        Self {
            timers: Timers::from(&config),
            passes_all: config.passes_all(),
            flows: ExpiringSlab::new(config.max_flows),
            ids: LookupMap::new(),
            permissions: Permissions::new(config.filtering),
            udp_bucket: config.udp_rate.map(TokenBucket::new),
            logged_in: BTreeSet::new(),
            answers: Answers::default(),
            config,
        }
    }

    /// Returns its configuration.
    #[must_use]
    pub const fn config(&self) -> &FirewallConfig {
        &self.config
    }

    /// Judges a packet that leaves the protected side.
    ///
    /// # Errors
    ///
    /// Why it is dropped: [`DropReason::FirewallOutbound`] or [`DropReason::FirewallRejected`] by a
    /// rule, [`DropReason::CaptivePortal`] before the login, [`DropReason::FirewallTableFull`] if
    /// the flow is allowed but there is no room for it, [`DropReason::FirewallFlowCut`] if it is
    /// too old, or [`DropReason::FirewallRateLimited`] if there are too many of its kind.
    pub fn outbound(&mut self, now: SimTime, packet: &Packet) -> Result<(), DropReason> {
        self.judge(now, packet, Direction::Outbound)
    }

    /// Judges a packet that comes to the protected side.
    ///
    /// # Errors
    ///
    /// As [`Firewall::outbound`], with [`DropReason::FirewallInbound`] for what the rules let not
    /// in, and [`DropReason::SynHeld`] or [`DropReason::TcpReset`] for SYNs among it.
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
        let is_outbound = direction == Direction::Outbound;
        if is_outbound && self.config.captive_portal && !self.logged_in.contains(&packet.source) {
            return Err(DropReason::CaptivePortal);
        }
        let (Some(source), Some(destination)) =
            (packet.source_endpoint(), packet.destination_endpoint())
        else {
            return self.judge_error(packet, direction);
        };
        let (inside, outside) =
            if is_outbound { (source, destination) } else { (destination, source) };
        let protocol = packet.protocol();
        let key = FlowKey::new(protocol, inside, outside);
        if let Some(id) = self.ids.get(&key).copied() {
            return self.pass(now, packet, direction, id);
        }
        self.admit(now, packet, direction, protocol, (inside, outside))?;
        if self.flows.is_full() {
            return Err(DropReason::FirewallTableFull);
        }
        self.take_token(now, protocol)?;
        let lifetime = Lifetime::opened_by(packet, direction, now, &self.timers);
        let flow = Flow { protocol, inside, outside, lifetime };
        if flow.was_let_out() {
            self.permissions.grant(protocol, inside, outside.ip);
        }
        if protocol == Protocol::Tcp {
            self.answers.release(outside, inside);
        }
        let id = self.flows.insert(flow, lifetime.first_expiry(&self.timers));
        self.ids.insert(key, id);
        Ok(())
    }

    /// Judges an ICMP error by the packet it quotes, which went the other way.
    fn judge_error(&self, packet: &Packet, direction: Direction) -> Result<(), DropReason> {
        let Body::Icmp(Icmp::Error { quoted, .. }) = &packet.body else {
            return Err(dropped(direction));
        };
        let (inside, outside) = match direction {
            Direction::Outbound => (quoted.destination, quoted.source),
            Direction::Inbound => (quoted.source, quoted.destination),
        };
        let known = self.ids.contains_key(&FlowKey::new(quoted.protocol, inside, outside));
        if known { Ok(()) } else { Err(dropped(direction)) }
    }

    /// Judges a packet of a known flow. One that is dropped for its age renews the flow all the
    /// same: it stays cut until nobody tries any more.
    fn pass(
        &mut self,
        now: SimTime,
        packet: &Packet,
        direction: Direction,
        id: EntryId,
    ) -> Result<(), DropReason> {
        self.take_token(now, packet.protocol())?;
        let refreshes = direction == Direction::Outbound || self.config.refresh_inbound;
        let timers = &self.timers;
        let flow = self.flows.renew(id, |flow, expires| {
            flow.lifetime.pass(packet, direction, now, timers, (refreshes, expires))
        });
        let age = flow.map(|flow| now.saturating_since(flow.lifetime.created));
        let is_cut = self.config.max_flow_age.is_some_and(|limit| age >= Some(limit));
        if is_cut { Err(DropReason::FirewallFlowCut) } else { Ok(()) }
    }

    /// Decides whether the first packet of a flow may pass.
    fn admit(
        &mut self,
        now: SimTime,
        packet: &Packet,
        direction: Direction,
        protocol: Protocol,
        (inside, outside): (Endpoint, Endpoint),
    ) -> Result<(), DropReason> {
        let action = match direction {
            Direction::Outbound => self.config.outbound.decide(protocol, outside.port, outside.ip),
            Direction::Inbound => self.config.inbound.decide(protocol, inside.port, outside.ip),
        };
        // A query from outside answers nothing.
        let may_answer = direction == Direction::Inbound
            && !matches!(packet.body, Body::Icmp(Icmp::EchoRequest { .. }));
        if action == Action::Allow
            || may_answer && self.permissions.allows(protocol, inside, outside.ip)
        {
            return Ok(());
        }
        if direction == Direction::Inbound && tcp::is_connection_request(packet) {
            let reasons = (DropReason::FirewallInbound, DropReason::FirewallRejected);
            let error = match packet.source {
                IpAddr::V4(_) => IcmpErrorKind::PortUnreachable,
                IpAddr::V6(_) => IcmpErrorKind::AdminProhibited,
            };
            let policy = self.config.unsolicited_tcp;
            if let Some(reason) = self.answers.refuse(policy, now, packet, reasons, error) {
                return Err(reason);
            }
        }
        Err(match action {
            Action::Reject => DropReason::FirewallRejected,
            _ => dropped(direction),
        })
    }

    fn take_token(&mut self, now: SimTime, protocol: Protocol) -> Result<(), DropReason> {
        let bucket = self.udp_bucket.as_mut().filter(|_| protocol == Protocol::Udp);
        if bucket.is_none_or(|bucket| bucket.take(now)) {
            Ok(())
        } else {
            Err(DropReason::FirewallRateLimited)
        }
    }

    /// Lets a host inside get out through the captive portal, until the next flush.
    pub fn log_in(&mut self, host: IpAddr) {
        self.logged_in.insert(host);
    }

    /// Goes on with other rules and timers.
    ///
    /// Flows that the new rules would not let through end, and those that the new table has no room
    /// for; the others have their new idle time from their next packet on. Logins stay, and so does
    /// what is left of the UDP rate, unless that has changed.
    pub fn set_config(&mut self, config: FirewallConfig) {
        let mut next = Self::new(config);
        next.logged_in = std::mem::take(&mut self.logged_in);
        next.answers = std::mem::take(&mut self.answers);
        if next.config.udp_rate == self.config.udp_rate {
            next.udp_bucket = self.udp_bucket;
        }
        // Those that were let out first: others may only be here because of them.
        let (let_out, let_in): (Vec<_>, Vec<_>) =
            self.flows.iter().partition(|(_, flow)| flow.was_let_out());
        for (expires, flow) in let_out.into_iter().chain(let_in) {
            next.keep(*flow, expires);
        }
        *self = next;
    }

    /// Takes over a flow of the time before, if the rules let it through.
    fn keep(&mut self, flow: Flow, expires: SimTime) {
        let Flow { protocol, inside, outside, .. } = flow;
        let allowed = if flow.was_let_out() {
            self.config.outbound.decide(protocol, outside.port, outside.ip) == Action::Allow
        } else {
            self.config.inbound.decide(protocol, inside.port, outside.ip) == Action::Allow
                || self.permissions.allows(protocol, inside, outside.ip)
        };
        if self.passes_all || self.flows.is_full() || !allowed {
            return;
        }
        if flow.was_let_out() {
            self.permissions.grant(protocol, inside, outside.ip);
        }
        let id = self.flows.insert(flow, expires);
        self.ids.insert(flow.key(), id);
    }

    /// Returns when to call [`Firewall::handle_timeout`] next; `None` if nothing will expire.
    ///
    /// It may be earlier than the next expiry, and any packet can change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        let wakeups = [self.flows.next_wakeup(), self.answers.next_wakeup()];
        wakeups.into_iter().flatten().min()
    }

    /// Ends what has expired; to call it early, late or twice does no harm.
    pub fn handle_timeout(&mut self, now: SimTime) {
        while let Some((_, _, flow)) = self.flows.pop_expired(now) {
            self.ids.remove(&flow.key());
            if flow.was_let_out() {
                self.permissions.revoke(flow.protocol, flow.inside, flow.outside.ip);
            }
        }
        self.answers.handle_timeout(now);
    }

    /// Returns the next packet that the firewall sends of its own accord; ask after every call that
    /// takes the time.
    ///
    /// Its source is the address that the packet it answers went to: a firewall has none itself.
    #[must_use]
    pub fn poll_answer(&mut self) -> Option<Answer> {
        self.answers.poll()
    }

    /// Forgets all flows and logins, as a reboot does.
    pub fn flush(&mut self) {
        *self = Self::new(self.config.clone());
    }

    /// Returns how many flows it keeps.
    #[must_use]
    pub fn flow_count(&self) -> usize {
        self.flows.len()
    }
}

/// Why a packet is lost that no rule lets through.
const fn dropped(direction: Direction) -> DropReason {
    match direction {
        Direction::Outbound => DropReason::FirewallOutbound,
        Direction::Inbound => DropReason::FirewallInbound,
    }
}

impl FirewallConfig {
    /// Says whether nothing needs state.
    fn passes_all(&self) -> bool {
        self.outbound.allows_all()
            && self.inbound.allows_all()
            && self.udp_rate.is_none()
            && self.max_flow_age.is_none()
            && !self.captive_portal
    }
}
