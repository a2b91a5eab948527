//! What the closed-form rule predicts for a session (law 9 of the design).
//!
//! The rule for two NATs is `natbed_nat::direct_possible` and [`Composite`]. This module finds out which NATs stand between
//! the peers of a session, reduces each side to one class, and says `open` with a reason wherever
//! the rule's preconditions do not hold. It never looks at what a run observed.

use natbed_nat::{
    Action, Composite, Filtering, FirewallConfig, Hairpin, Mapping, NatClass, NatConfig, Policy,
    PortAllocation, PortBlocks, Rule, WanInput,
};
use natbed_packet::Protocol;
use natbed_report::{Path, Prediction};
use natbed_scenario::{
    Attachment, EventAction, Gateway, Host, HostIndex, LanIndex, NatChoice, Scenario, Session,
};
use natbed_units::SimDuration;

/// Skew between the peers' checks up to which retransmissions are known to bridge it.
const BRIDGED_SKEW: SimDuration = SimDuration::from_secs(1);
/// Checks take a few seconds; a mapping must outlive them.
const SHORTEST_MAPPING: SimDuration = SimDuration::from_secs(10);
/// Flows, and ports, that a NAT surely has to have for each session of the scenario: a few sockets
/// on two hosts, each toward every candidate of the peer.
const ROOM: u32 = 32;
/// How many boxes in a row the composition of two classes has been held against.
const LAYERS_MAX: usize = 2;
/// No box at all: nothing is rewritten, everything is let in.
const NO_BOX: NatClass =
    NatClass { mapping: Mapping::EndpointIndependent, filtering: Filtering::EndpointIndependent };

/// A prediction and what it follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oracle {
    /// The prediction.
    pub prediction: Prediction,
    /// One sentence: which rule decides, or which precondition does not hold.
    pub reason: String,
}

impl Oracle {
    fn is(path: Path, reason: impl Into<String>) -> Self {
        Self { prediction: path.into(), reason: reason.into() }
    }

    fn open(reason: impl Into<String>) -> Self {
        Self { prediction: Prediction::Open, reason: reason.into() }
    }
}

/// Predicts the path of a session, or says that the rule leaves it open.
#[must_use]
pub fn predict(scenario: &Scenario, session: &Session) -> Oracle {
    match Inquiry::new(scenario, session) {
        Ok(inquiry) => inquiry.predict().unwrap_or_else(|open| open),
        Err(open) => open,
    }
}

/// A place where packets meet without a router between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Lan(LanIndex),
    Internet,
}

/// One peer: the segments from itself outward, and the gateways between them.
struct Side<'a> {
    host: &'a Host,
    segments: Vec<Segment>,
    gateways: Vec<&'a Gateway>,
}

impl<'a> Side<'a> {
    fn new(scenario: &'a Scenario, index: HostIndex) -> Self {
        let host = &scenario.hosts[index.0];
        let mut side = Self { host, segments: Vec::new(), gateways: Vec::new() };
        let mut at = match host.interface().attachment {
            Attachment::Lan(lan) => Segment::Lan(lan),
            Attachment::Internet => Segment::Internet,
        };
        loop {
            side.segments.push(at);
            let Segment::Lan(lan) = at else { return side };
            let Some(gateway) = &scenario.lans[lan.0].gateway else { return side };
            side.gateways.push(gateway);
            at = gateway.via.map_or(Segment::Internet, Segment::Lan);
        }
    }

    fn firewalls(&self) -> impl Iterator<Item = &'a FirewallConfig> + '_ {
        let own = self.host.firewall.as_ref();
        let all = own.into_iter().chain(self.gateways.iter().filter_map(|g| g.firewall.as_ref()));
        all.map(|firewall| &firewall.config)
    }
}

struct Inquiry<'a> {
    scenario: &'a Scenario,
    session: &'a Session,
    sides: [Side<'a>; 2],
    /// Index into each side's segments of the first one they share.
    meeting: [usize; 2],
}

impl<'a> Inquiry<'a> {
    /// Collects what the rule needs, unless one of its preconditions fails.
    fn new(scenario: &'a Scenario, session: &'a Session) -> Result<Self, Oracle> {
        let sides = session.between.map(|index| Side::new(scenario, index));
        for event in &scenario.events {
            let is_absence = event.at.is_zero()
                && matches!(event.action, EventAction::ServerStop(host) if !session.between.contains(&host));
            if !is_absence {
                return Err(Oracle::open("events change the network during the run"));
            }
        }
        let [a, b] = &sides;
        let meeting = a.segments.iter().enumerate().find_map(|(at_a, segment)| {
            let at_b = b.segments.iter().position(|other| other == segment)?;
            Some([at_a, at_b])
        });
        let Some(meeting) = meeting else {
            return Err(Oracle::is(Path::None, "no segment is reachable from both peers"));
        };
        let inquiry = Self { scenario, session, sides, meeting };
        inquiry.check_preconditions()?;
        Ok(inquiry)
    }

    fn check_preconditions(&self) -> Result<(), Oracle> {
        let [skew_a, skew_b] = self.session.start;
        if skew_a.saturating_sub(skew_b) + skew_b.saturating_sub(skew_a) > BRIDGED_SKEW {
            return Err(Oracle::open("the peers start further apart than checks are repeated"));
        }
        let all = self.sides.iter().flat_map(|side| &side.gateways);
        for nat in all.filter_map(|gateway| gateway.nat.as_ref()) {
            let Some(config) = nat.nat() else {
                return Err(Oracle::open("a box translates addresses by rule"));
            };
            if config.wan_input == WanInput::Accept {
                return Err(Oracle::open("a WAN input accepts: who sends first decides"));
            }
            if config.ports == PortAllocation::PreserveWithOverload
                && config.mapping != Mapping::EndpointIndependent
            {
                return Err(Oracle::open("preserved ports make the mapping depend on clashes"));
            }
            if !config.forwards.is_empty() {
                return Err(Oracle::open("port forwards open the NAT by hand"));
            }
            if config.udp_timeout < SHORTEST_MAPPING {
                return Err(Oracle::open("mappings may expire while checks run"));
            }
            let sessions = u32::try_from(self.scenario.sessions.len()).unwrap_or(u32::MAX);
            if room(config) < sessions.saturating_mul(ROOM) {
                return Err(Oracle::open("a NAT may run out of flows or ports"));
            }
        }
        Ok(())
    }

    fn predict(&self) -> Result<Oracle, Oracle> {
        if self.shares_lan() {
            // Nothing but the hosts' own firewalls stands between them.
            let [a, b] = &self.sides;
            return match (udp(own_firewall(a.host))?, udp(own_firewall(b.host))?) {
                (Udp::Passes, Udp::Passes) => Ok(Oracle::is(Path::Lan, "both are on one LAN")),
                _ => Err(Oracle::open("a host firewall blocks UDP")),
            };
        }
        let blocked = self.blocked_sides()?;
        match blocked {
            2 => return Ok(Oracle::is(Path::None, "UDP is blocked on both sides")),
            1 => return Err(Oracle::open("UDP is blocked on one side only")),
            _ => {}
        }
        let (is_direct, reason) = self.direct()?;
        if is_direct {
            return Ok(Oracle::is(Path::Direct, reason));
        }
        if self.relay_is_reachable()? {
            Ok(Oracle::is(Path::Relay, reason))
        } else {
            Ok(Oracle::is(Path::None, format!("{reason}, and there is no relay")))
        }
    }

    fn shares_lan(&self) -> bool {
        let Segment::Lan(lan) = self.sides[0].segments[self.meeting[0]] else { return false };
        self.meeting == [0, 0] && !self.scenario.lans[lan.0].isolate
    }

    /// The number of peers whose UDP cannot get out at all.
    fn blocked_sides(&self) -> Result<usize, Oracle> {
        let mut blocked = 0;
        for side in &self.sides {
            let mut verdicts = side.firewalls().map(|firewall| udp(Some(firewall)));
            if verdicts.try_fold(false, |any, udp| Ok(any || udp? == Udp::Blocked))? {
                blocked += 1;
            }
        }
        Ok(blocked)
    }

    /// Says whether a direct pair is possible, and by which rule.
    fn direct(&self) -> Result<(bool, &'static str), Oracle> {
        let [a, b] = &self.sides;
        let [at_a, at_b] = self.meeting;
        let segment = a.segments[at_a];
        if let Segment::Lan(_) = segment {
            return self.hairpin();
        }
        let (below_a, below_b) = (&a.gateways[..at_a], &b.gateways[..at_b]);
        let is_behind_nat =
            |gateways: &[&Gateway]| gateways.iter().any(|gateway| gateway.nat.is_some());
        if !self.has_stun() {
            match (is_behind_nat(below_a), is_behind_nat(below_b)) {
                (true, true) => {
                    return Ok((false, "without STUN neither knows its public address"));
                }
                (false, false) => {}
                _ => return Err(Oracle::open("one side does not know its public address")),
            }
        }
        let class_a = class(a.host, below_a)?;
        let class_b = class(b.host, below_b)?;
        Ok((class_a.direct_with(class_b), rule(class_a.class, class_b.class)))
    }

    /// The peers meet below the Internet, but know each other by addresses above it: packets turn
    /// around at the outermost NAT.
    fn hairpin(&self) -> Result<(bool, &'static str), Oracle> {
        let [a, b] = &self.sides;
        let [at_a, at_b] = self.meeting;
        if (at_a == 0) != (at_b == 0) {
            return Err(Oracle::open("one peer is on the LAN that the other's gateway is on"));
        }
        if a.segments.last() != Some(&Segment::Internet) {
            return Err(Oracle::open("the peers meet in a network without Internet"));
        }
        if !self.has_stun() {
            return Err(Oracle::open("without STUN the outer address is not known"));
        }
        let nats: Vec<_> = a.gateways[at_a..].iter().filter_map(|g| g.nat.as_ref()).collect();
        let Some(outermost) = nats.last() else {
            return Err(Oracle::open("the shared way out has no NAT"));
        };
        match outermost.nat().map_or(Hairpin::None, |nat| nat.hairpin) {
            Hairpin::None => Ok((false, "the shared NAT does not hairpin")),
            Hairpin::InternalSource => {
                Ok((false, "hairpinned packets have an internal source, which ICE refuses"))
            }
            Hairpin::ExternalSource => {
                let class_a = class(a.host, &a.gateways)?;
                let class_b = class(b.host, &b.gateways)?;
                Ok((class_a.direct_with(class_b), rule(class_a.class, class_b.class)))
            }
        }
    }

    /// Whether a server tells the peers their public addresses; TURN servers do it as well.
    fn has_stun(&self) -> bool {
        let mut servers = self.session.stun.iter().chain(&self.session.turn);
        servers.any(|server| !self.is_stopped(*server))
    }

    fn is_stopped(&self, host: HostIndex) -> bool {
        self.scenario.events.iter().any(|event| event.action == EventAction::ServerStop(host))
    }

    fn relay_is_reachable(&self) -> Result<bool, Oracle> {
        let mut usable = self.session.turn.iter().filter(|server| !self.is_stopped(**server));
        let Some(server) = usable.next() else { return Ok(false) };
        let server = &self.scenario.hosts[server.0];
        let is_public =
            server.interface().attachment == Attachment::Internet && server.address().is_ipv4();
        let reach_internet =
            self.sides.iter().all(|side| side.segments.last() == Some(&Segment::Internet));
        if is_public && reach_internet {
            Ok(true)
        } else {
            Err(Oracle::open("whether both peers reach the relay is outside of the rule"))
        }
    }
}

/// The flows or ports that one subscriber of a NAT finds room for at least.
fn room(config: &NatConfig) -> u32 {
    let block = config.port_blocks.map(|blocks| match blocks {
        PortBlocks::Deterministic { compression, overflow, .. } => {
            let blocks = u32::from(compression) + u32::from(overflow);
            (65_536 - 1024) / blocks.max(1)
        }
        PortBlocks::Dynamic { size, max_blocks } => u32::from(size) * u32::from(max_blocks),
    });
    let limits = [config.max_flows_per_subscriber, config.max_ports_per_subscriber, block];
    limits.into_iter().flatten().fold(config.max_flows, u32::min)
}

/// The class that a host and the gateways before it add up to, innermost first.
fn class(host: &Host, gateways: &[&Gateway]) -> Result<Composite, Oracle> {
    let mut layers = vec![firewall_class(own_firewall(host))?];
    for gateway in gateways {
        layers.push(firewall_class(gateway.firewall.as_ref().map(|choice| &choice.config))?);
        layers.extend(gateway.nat.as_ref().and_then(NatChoice::nat).map(NatClass::from));
    }
    layers.retain(|layer| *layer != NO_BOX);
    if layers.len() > LAYERS_MAX {
        return Err(Oracle::open("more boxes in a row than the rule is proven for"));
    }
    let innermost = layers.first().copied().unwrap_or(NO_BOX);
    let outer = layers.iter().skip(1);
    Ok(outer.fold(Composite::from(innermost), |inner, layer| inner.behind(*layer)))
}

fn own_firewall(host: &Host) -> Option<&FirewallConfig> {
    host.firewall.as_ref().map(|firewall| &firewall.config)
}

/// A stateful firewall maps nothing; it filters like APDF, or not at all.
fn firewall_class(firewall: Option<&FirewallConfig>) -> Result<NatClass, Oracle> {
    let Some(firewall) = firewall else { return Ok(NO_BOX) };
    match (&firewall.inbound.rules[..], firewall.inbound.default) {
        ([], Action::Allow) => Ok(NO_BOX),
        ([], Action::Drop | Action::Reject) => Ok(NatClass {
            mapping: Mapping::EndpointIndependent,
            filtering: Filtering::AddressAndPortDependent,
        }),
        _ => Err(Oracle::open("a firewall lets some sources in and others not")),
    }
}

/// Whether UDP can leave through a firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Udp {
    Passes,
    Blocked,
}

fn udp(firewall: Option<&FirewallConfig>) -> Result<Udp, Oracle> {
    let Some(FirewallConfig { outbound: Policy { rules, default }, .. }) = firewall else {
        return Ok(Udp::Passes);
    };
    let about_udp = |rule: &&Rule| rule.protocol.is_none_or(|protocol| protocol == Protocol::Udp);
    let Some(first) = rules.iter().find(about_udp) else { return Ok(passes(*default)) };
    if first.ports.is_some() || first.remote.is_some() {
        return Err(Oracle::open("a firewall lets UDP out to some places and not to others"));
    }
    Ok(passes(first.action))
}

fn passes(action: Action) -> Udp {
    match action {
        Action::Allow => Udp::Passes,
        Action::Drop | Action::Reject => Udp::Blocked,
    }
}

/// Names the case of the closed form that decides a pair of classes.
fn rule(a: NatClass, b: NatClass) -> &'static str {
    let is_eim = |class: NatClass| class.mapping == Mapping::EndpointIndependent;
    match (is_eim(a), is_eim(b)) {
        (true, true) => "both mappings are endpoint-independent",
        (true, false) | (false, true) => {
            "one mapping depends on the destination: direct unless the other side filters by port"
        }
        (false, false) => "both mappings depend on the destination",
    }
}
