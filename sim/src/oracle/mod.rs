//! What the closed-form rule predicts for a session (law 9 of the design).
//!
//! The rule for two NATs is `natbed_nat::direct_possible` and
//! [`Composite`](natbed_nat::Composite). This module finds out which NATs stand between the peers
//! of a session, reduces each side to one class, and says `open` with a reason wherever the rule's
//! preconditions do not hold. It never looks at what a run observed, but for whether the peers
//! found each other.

mod class;
mod precondition;
mod side;

use natbed_nat::{Hairpin, Mapping, NatClass, StatelessConfig, TranslatorConfig};
use natbed_report::{Path, Prediction};
use natbed_scenario::{Attachment, EventAction, HostIndex, Scenario, Session, Stack};

use class::{Udp, class, udp};
use side::{Hop, Segment, Side, Version};

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

    /// The rule is about peers that have the candidates of each other; what it says of a session
    /// whose peers did not find each other.
    #[must_use]
    pub fn without_candidates() -> Self {
        Self::open("the peers did not find each other, so neither had the other's candidates")
    }

    fn open(reason: impl Into<String>) -> Self {
        Self { prediction: Prediction::Open, reason: reason.into() }
    }
}

/// Predicts the path of a session, or says that the rule leaves it open.
#[must_use]
pub fn predict(scenario: &Scenario, session: &Session) -> Oracle {
    if session.stack == Stack::None {
        return Oracle::open("the rule is about ICE, and the session has none");
    }
    match Inquiry::new(scenario, session) {
        Ok(inquiry) => inquiry.predict().unwrap_or_else(|open| open),
        Err(open) => open,
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
        precondition::check_events(scenario, session)?;
        let [a, b] = session.between.map(|index| Side::new(scenario, index));
        let sides = [a?, b?];
        let [a, b] = &sides;
        let meeting = a.segments.iter().enumerate().find_map(|(at_a, segment)| {
            let at_b = b.segments.iter().position(|other| other == segment)?;
            Some([at_a, at_b])
        });
        let Some(meeting) = meeting else {
            if a.segments.last() == Some(&Segment::Internet(Version::V4))
                && b.segments.last() == Some(&Segment::Internet(Version::V6))
                || a.segments.last() == Some(&Segment::Internet(Version::V6))
                    && b.segments.last() == Some(&Segment::Internet(Version::V4))
            {
                return Err(Oracle::open("the peers reach the Internet by different IP versions"));
            }
            return Err(Oracle::is(Path::None, "no segment is reachable from both peers"));
        };
        precondition::check_session(session)?;
        precondition::check_boxes(scenario, &sides)?;
        precondition::check_links(session, &sides)?;
        Ok(Self { scenario, session, sides, meeting })
    }

    fn predict(&self) -> Result<Oracle, Oracle> {
        if self.shares_lan() {
            return self.between_neighbours(Path::Lan, "both are on one LAN");
        }
        if self.shares_router() {
            // To its firewall, what goes from one LAN to the other leaves.
            let firewall = self.sides[0].hops.first().and_then(|hop| hop.firewall);
            if udp(firewall)? == Udp::Blocked {
                return Err(Oracle::open("the firewall between the LANs of both blocks UDP"));
            }
            let reason = "one router routes between the LANs of both";
            return self.between_neighbours(Path::Direct, reason);
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

    /// Nothing but the hosts' own firewalls stands between them.
    fn between_neighbours(&self, path: Path, reason: &str) -> Result<Oracle, Oracle> {
        let [a, b] = &self.sides;
        match (udp(a.own_firewall())?, udp(b.own_firewall())?) {
            (Udp::Passes, Udp::Passes) => Ok(Oracle::is(path, reason)),
            _ => Err(Oracle::open("a host firewall blocks UDP")),
        }
    }

    fn shares_lan(&self) -> bool {
        let Segment::Lan(lan) = self.sides[0].segments[self.meeting[0]] else { return false };
        self.meeting == [0, 0] && !self.scenario.lans[lan.0].isolate
    }

    /// Says whether the peers are on two LANs of one router, which routes between them.
    fn shares_router(&self) -> bool {
        let lans = self.sides.each_ref().map(|side| side.segments[0]);
        let [Segment::Lan(a), Segment::Lan(b)] = lans else { return false };
        a != b && self.scenario.served_by(a) == self.scenario.served_by(b)
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
        if let Segment::Lan(_) = a.segments[at_a] {
            return self.hairpin();
        }
        let (below_a, below_b) = (&a.hops[..at_a], &b.hops[..at_b]);
        if below_a.iter().any(|hop| below_b.iter().any(|other| hop.gateway == other.gateway)) {
            return Err(Oracle::open("the peers are on two LANs further down from one router"));
        }
        let is_behind_nat = |hops: &[Hop<'_>]| hops.iter().any(|hop| hop.nat.is_some());
        if !self.has_stun() {
            match (is_behind_nat(below_a), is_behind_nat(below_b)) {
                (true, true) => {
                    return Ok((false, "without STUN neither knows its public address"));
                }
                (false, false) => {}
                _ => return Err(Oracle::open("one side does not know its public address")),
            }
        }
        let class_a = class(a.own_firewall(), below_a)?;
        let class_b = class(b.own_firewall(), below_b)?;
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
        if !matches!(a.segments.last(), Some(Segment::Internet(_))) {
            return Err(Oracle::open("the peers meet in a network without Internet"));
        }
        if !self.has_stun() {
            return Err(Oracle::open("without STUN the outer address is not known"));
        }
        let nats: Vec<_> = a.hops[at_a..].iter().filter_map(|hop| hop.nat).collect();
        let Some(outermost) = nats.last() else {
            return Err(Oracle::open("the shared way out has no NAT"));
        };
        let hairpin = match &outermost.config {
            TranslatorConfig::Nat(nat) => nat.hairpin,
            // RFC 5508 REQ-7: a 1:1 NAT always hairpins like this.
            TranslatorConfig::Stateless(StatelessConfig::OneToOne { .. }) => {
                Hairpin::ExternalSource
            }
            TranslatorConfig::Stateless(_) => {
                return Err(Oracle::open("the shared way out changes or keeps IPv6"));
            }
        };
        match hairpin {
            Hairpin::None => Ok((false, "the shared NAT does not hairpin")),
            Hairpin::InternalSource => {
                Ok((false, "hairpinned packets have an internal source, which ICE refuses"))
            }
            Hairpin::ExternalSource => {
                let class_a = class(a.own_firewall(), &a.hops)?;
                let class_b = class(b.own_firewall(), &b.hops)?;
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
        let reaches_it = |side: &Side<'_>| {
            side.segments.last() == Some(&Segment::Internet(Version::V4))
                && side.segments.first() != Some(&Segment::Internet(Version::V6))
        };
        if is_public && self.sides.iter().all(reaches_it) {
            Ok(true)
        } else {
            Err(Oracle::open("whether both peers reach the relay is outside of the rule"))
        }
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
