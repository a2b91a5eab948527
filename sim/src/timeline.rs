//! What became of a session after each event: the payload that was lost, who noticed, and when
//! payload arrived again.
//!
//! Each direction of the load is a sequence of datagrams that arrived or did not; of a call, what
//! matters is when it froze. A direction is
//! *up* from an arrival on, and *down* from when a datagram was due that never came. An event lost
//! payload if a direction went down between it and the next event; it is recovered when every
//! direction that it took down is up again, whatever else happened until then. An event that finds
//! a direction down already, such as a cable that is plugged in again, has lost nothing, and has
//! recovered what came up before the next event.

use natbed_load::{CallReport, EchoReport};
use natbed_network::HostId;
use natbed_network::observe::RouteChange;
use natbed_peer::{IceState, SessionReport};
use natbed_report::Path;
use natbed_scenario::{EventAction, FirewallTarget, LinkTarget, Scenario};
use natbed_units::{SimDuration, SimTime};

use crate::verdict::path_of;

/// An event and what it did to one session; peers are 0 (controlling) and 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// When the event happened.
    pub at: SimTime,
    /// The event as the language writes it: its verb and its object.
    pub event: String,
    /// Whether payload was sent after it and before the next, so that a loss would have shown.
    pub was_observed: bool,
    /// When the first payload that no longer arrived was due, and which peer sent it.
    pub lost: Option<(SimTime, usize)>,
    /// When an agent that had a connection first was disconnected or failed, whose, and which.
    pub noticed: Option<(SimTime, usize, IceState)>,
    /// When payload arrived again, which peer sent it, and the way it took.
    pub recovered: Option<(SimTime, usize, Option<Path>)>,
}

/// The load by which interruptions are told, with what each peer saw of it.
#[derive(Clone, Copy, Debug)]
pub enum Traffic<'a> {
    /// Datagrams that are sent all the time, each followed on its own.
    Echoes([&'a EchoReport; 2]),
    /// Media: what matters is when it froze.
    Call([&'a CallReport; 2]),
    /// None: a transfer waits, and then sends again what was lost.
    None,
}

/// Says what each event did to a session, in the order of time.
///
/// `hosts` are the session's peers in the network, `routes` the witness's word on the session.
#[must_use]
pub fn timeline(
    scenario: &Scenario,
    report: &SessionReport,
    traffic: Traffic<'_>,
    hosts: [HostId; 2],
    routes: &[RouteChange],
) -> Vec<Consequence> {
    let directions = [0, 1].map(|from| Direction::new(report, traffic, from));
    let mut consequences = Vec::with_capacity(scenario.events.len());
    for event in &scenario.events {
        let at = SimTime::ZERO + event.at;
        let next = scenario.events.partition_point(|other| other.at <= event.at);
        let next = scenario.events.get(next).map_or(SimTime::MAX, |next| SimTime::ZERO + next.at);
        let effects = directions.each_ref().map(|direction| direction.effect(at, next));
        let lost = earliest(effects.each_ref().map(|effect| effect.down));
        let recovered = recovery(&effects).map(|(up, from)| {
            let to = hosts[1 - from];
            let mut known = routes.iter().rev().filter(|change| change.to == to);
            (up, from, known.find(|change| change.at <= up).map(|change| path_of(change.route)))
        });
        let noticing = match (lost, recovered) {
            (Some((down, _)), Some((up, ..))) => down..up,
            (Some((down, _)), None) => down..SimTime::MAX,
            (None, _) => at..next,
        };
        let first_notice = |peer: usize| {
            let states = &report.peers[peer].states;
            let before = states.iter().rfind(|change| change.at < at).map(|change| change.state);
            // What had no connection has nothing to notice, unless payload says otherwise.
            if lost.is_none() && !before.is_some_and(is_connected) {
                return None;
            }
            let mut changes = states.iter().filter(|change| noticing.contains(&change.at));
            changes.find(|change| is_lost(change.state)).map(|c| (c.at, peer, c.state))
        };
        let noticed = [0, 1].into_iter().filter_map(first_notice).min();
        let was_observed = directions.iter().any(|direction| direction.was_used(at, next));
        let event = describe(scenario, &event.action);
        consequences.push(Consequence { at, event, was_observed, lost, noticed, recovered });
    }
    consequences
}

const fn is_connected(state: IceState) -> bool {
    matches!(state, IceState::Connected | IceState::Completed)
}

const fn is_lost(state: IceState) -> bool {
    matches!(state, IceState::Disconnected | IceState::Failed)
}

/// The earlier of what happened to both directions, and which peer sends in it.
fn earliest(times: [Option<SimTime>; 2]) -> Option<(SimTime, usize)> {
    let times = times.into_iter().enumerate();
    times.filter_map(|(from, time)| Some((time?, from))).min()
}

/// When the last direction was up again of those that were down; `None` if one never was.
fn recovery(effects: &[Effect; 2]) -> Option<(SimTime, usize)> {
    let has_loss = effects.iter().any(|effect| effect.down.is_some());
    let concerned = effects.iter().enumerate().filter(|(_, effect)| {
        if has_loss { effect.down.is_some() } else { effect.was_down && effect.up.is_some() }
    });
    let ups: Option<Vec<_>> = concerned.map(|(from, effect)| Some((effect.up?, from))).collect();
    ups?.into_iter().max()
}

/// What an event did to one direction.
struct Effect {
    /// Whether nothing came through when it happened.
    was_down: bool,
    /// When the direction went down because of it.
    down: Option<SimTime>,
    /// When it was up again.
    up: Option<SimTime>,
}

/// One direction of a session's load.
struct Direction {
    /// When it went up and down by turns, up first unless its first datagram was lost.
    turns: Vec<(SimTime, bool)>,
    /// When the first and the last datagram were due.
    due: Option<(SimTime, SimTime)>,
    /// When an agent gave up before anything had arrived.
    failed_first: Option<SimTime>,
}

impl Direction {
    fn new(report: &SessionReport, traffic: Traffic<'_>, from: usize) -> Self {
        let mut direction = match traffic {
            Traffic::Echoes(echoes) => Self::of_echoes(echoes[from], echoes[1 - from]),
            Traffic::Call(calls) => Self::of_call(calls[from], calls[1 - from]),
            Traffic::None => Self { turns: Vec::new(), due: None, failed_first: None },
        };
        let first = direction.turns.first().map_or(SimTime::MAX, |(first, _)| *first);
        let states = report.peers.iter().flat_map(|peer| &peer.states);
        let failures = states.filter(|change| change.state == IceState::Failed);
        direction.failed_first = failures.map(|change| change.at).filter(|at| *at < first).min();
        direction
    }

    fn of_echoes(sender: &EchoReport, receiver: &EchoReport) -> Self {
        let mut direction = Self { turns: Vec::new(), due: None, failed_first: None };
        let mut transit = SimDuration::ZERO;
        for (number, sent) in sender.sent.iter().enumerate() {
            let arrival = receiver.arrivals.get(number).copied().flatten();
            if let Some(arrival) = arrival {
                transit = arrival.saturating_since(*sent);
            }
            let due = *sent + transit;
            let is_up = arrival.is_some();
            if direction.turns.last().is_none_or(|(_, was_up)| *was_up != is_up) {
                direction.turns.push((due, is_up));
            }
            direction.due = Some((direction.due.map_or(due, |(first, _)| first), due));
        }
        direction
    }

    /// A call is down from the last arrival before a freeze to the first one after it; one that is
    /// frozen when it ends does not come up again.
    fn of_call(sender: &CallReport, receiver: &CallReport) -> Self {
        let mut direction = Self { turns: Vec::new(), due: None, failed_first: None };
        let last_sent = sender.last_sent.filter(|_| sender.sent > 0);
        let (Some(started), Some(last)) = (sender.started, last_sent) else { return direction };
        let end = receiver.last_received.map_or(last, |received| received.max(last));
        direction.due = Some((started, end));
        direction.turns.extend(receiver.first_received.map(|first| (first, true)));
        for (down, up) in &receiver.outages {
            if receiver.first_received.is_none_or(|first| *down < first) {
                direction.turns.insert(0, (*down, false)); // nothing had come until then
                continue;
            }
            direction.turns.push((*down, false));
            if receiver.last_received.is_some_and(|received| *up <= received) {
                direction.turns.push((*up, true));
            }
        }
        direction
    }

    fn effect(&self, at: SimTime, next: SimTime) -> Effect {
        let before = self.turns.iter().rfind(|(time, _)| *time < at);
        let was_down = match before {
            Some((_, was_up)) => !was_up,
            // Nothing was sent yet: down only if that is because there was no way.
            None => self.failed_first.is_some_and(|failed| failed < at),
        };
        let within = |time: SimTime| (at..next).contains(&time);
        let mut after = self.turns.iter().filter(|(time, _)| *time >= at);
        let down = after.clone().find(|(time, is_up)| within(*time) && !is_up && !was_down);
        let down = down.map(|(time, _)| *time);
        let up = match down {
            Some(down) => after.find(|(time, is_up)| *is_up && *time > down),
            None => after.find(|(time, is_up)| *is_up && within(*time)),
        };
        Effect { was_down, down, up: up.map(|(time, _)| *time) }
    }

    /// Says whether a datagram was due between two times.
    fn was_used(&self, from: SimTime, to: SimTime) -> bool {
        self.due.is_some_and(|(first, last)| first < to && last >= from)
    }
}

/// Names an event as the language writes it: `link_down alice-home`.
fn describe(scenario: &Scenario, action: &EventAction) -> String {
    let lan = |lan: natbed_scenario::LanIndex| &*scenario.lans[lan.0].name;
    let host = |host: natbed_scenario::HostIndex| &*scenario.hosts[host.0].name;
    let link = |target: &LinkTarget| match *target {
        LinkTarget::Gateway(of) => lan(of).to_owned(),
        LinkTarget::Host(of) => host(of).to_owned(),
        LinkTarget::Interface(of, interface) => {
            let interface = scenario.hosts[of.0].interfaces.get(interface);
            let address = interface.map(|interface| format!(" {}", interface.address));
            format!("{}{}", host(of), address.unwrap_or_default())
        }
    };
    let list = |addresses: &[std::net::IpAddr]| {
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    match action {
        EventAction::LinkDown(target) => format!("link_down {}", link(target)),
        EventAction::LinkUp(target) => format!("link_up {}", link(target)),
        EventAction::ServerStop(of) => format!("server_stop {}", host(*of)),
        EventAction::ServerStart(of) => format!("server_start {}", host(*of)),
        EventAction::NatFlush(of) => format!("nat_flush {}", lan(*of)),
        EventAction::Reboot { lan: of, external: None, .. } => format!("reboot {}", lan(*of)),
        EventAction::Reboot { lan: of, external: Some(external), .. } => {
            format!("reboot {} as {}", lan(*of), list(external))
        }
        EventAction::Readdress { lan: of, external } => {
            format!("readdress {} as {}", lan(*of), list(external))
        }
        EventAction::Roam { host: of, to, .. } => match to.attachment {
            natbed_scenario::Attachment::Lan(to) => format!("roam {} to {}", host(*of), lan(to)),
            natbed_scenario::Attachment::Internet => {
                format!("roam {} to {}", host(*of), to.address)
            }
        },
        EventAction::SetFirewall { target: FirewallTarget::Gateway(of), .. } => {
            format!("set_firewall {}", lan(*of))
        }
        EventAction::SetFirewall { target: FirewallTarget::Host(of), .. } => {
            format!("set_firewall {}", host(*of))
        }
        EventAction::SetLink { target, .. } => format!("set_link {}", link(target)),
        EventAction::LogIn { host: of, .. } => format!("log_in {}", host(*of)),
    }
}

#[cfg(test)]
mod tests;
