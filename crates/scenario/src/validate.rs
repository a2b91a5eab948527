//! Sessions held against the world they happen in.

use natbed_units::SimDuration;

use crate::address::Addresses;
use crate::bottleneck::Routes;
use crate::diagnostic::LineIndex;
use crate::discovery::Nodes;
use crate::discovery_keys::DiscoveryKeys;
use crate::event::Verb;
use crate::expect::ExpectKeys;
use crate::host::{HostKeys, InterfaceKeys, Place};
use crate::lan::{IPV4, IPV6};
use crate::loads::{after, check_sources, duration};
use crate::problem::{Problem, Problems};
use crate::resolve::Written;
use crate::scenario::{Expect, ExpectedPath, HostIndex, IceState, Path, Restart, Session, Stack};
use crate::session::SessionKeys;
use crate::tree::{Located, Span};

impl Written<'_> {
    pub(crate) fn resolve_sessions(
        &self,
        addresses: &Addresses,
        routes: &Routes<'_>,
        lines: &LineIndex,
        problems: &mut Problems,
    ) -> Vec<Session> {
        let mut nodes = Nodes::default();
        let sessions = self.sessions.iter();
        sessions
            .filter_map(|session| {
                self.session(session, addresses, routes, lines, &mut nodes, problems)
            })
            .collect()
    }

    fn session(
        &self,
        session: &SessionKeys<'_>,
        addresses: &Addresses,
        routes: &Routes<'_>,
        lines: &LineIndex,
        nodes: &mut Nodes,
        problems: &mut Problems,
    ) -> Option<Session> {
        let between = session.between.and_then(|names| self.between(names, problems));
        let stun = self.servers(&session.stun, "stun", |host| host.serve.stun, problems);
        let turn = self.servers(&session.turn, "turn", |host| host.serve.turn.is_some(), problems);
        let discovery = self.discovery(session, between, nodes, problems);
        let start = session.between.map(|names| by_host(&session.start, names, problems));
        let start = start.map(|given| given.map(Option::unwrap_or_default));
        if let Some(names) = session.between.filter(|_| session.stack == Stack::WebrtcIce) {
            self.check_ipv4(&names, problems);
        }
        let reach = self.reach(session, between, addresses, problems);
        let loads = self.loads(session, problems);
        if let Some(between) = between {
            self.check_bottleneck(session, between, routes, problems);
        }
        self.check_ipv4(&session.stun, problems);
        self.check_ipv4(&session.turn, problems);
        self.check_time(session, problems);
        if let Some(expect) = &session.expect {
            self.check_expectation(session, expect, problems);
        }
        Some(Session {
            name: session.name.value.to_owned(),
            between: between?.map(HostIndex),
            stack: session.stack,
            reach,
            discovery: discovery?,
            stun,
            turn,
            start: start?,
            loads,
            hold: session.hold,
            restart: session.restart,
            expect: session.expect.as_ref().map(|expect| Expect {
                path: expect.path.map(|path| path.value),
                discovered: expect.discovered.map(|way| way.value),
                connect_within: expect.connect_within.map(|within| within.value),
                states: expect.states.iter().map(|state| state.value).collect(),
                final_state: expect.final_state.map(|state| state.value),
                noticed_within: expect.noticed_within.map(|within| within.value),
                recover_within: expect.recover_within.map(|within| within.value),
                line: lines.line(expect.at.range().start),
            }),
        })
    }

    fn between(&self, names: [Located<&str>; 2], problems: &mut Problems) -> Option<[usize; 2]> {
        let [first, second] = names.map(|name| self.host(name, problems));
        if first.is_some() && first == second {
            problems.push(
                Problem::new(names[1].span, "a session is between two different hosts")
                    .label("the same host again"),
            );
        }
        let nodes = names.iter().zip([first, second]).filter_map(|(name, at)| Some((name, at?)));
        for (name, _) in nodes.filter(|(_, at)| self.swarm_hosts().contains(at)) {
            let message = format!("`{}` is a node of the swarm", name.value);
            problems.push(
                Problem::new(name.span, message)
                    .label("serves, so it connects to nobody")
                    .help("a session is between hosts of the file's own"),
            );
        }
        Some([first?, second?])
    }

    /// Finds the hosts that offer a service, which is called `key` both here and in `serve`.
    pub(crate) fn servers(
        &self,
        names: &[Located<&str>],
        key: &str,
        offers: impl Fn(&HostKeys<'_>) -> bool,
        problems: &mut Problems,
    ) -> Vec<HostIndex> {
        let mut servers = Vec::with_capacity(names.len());
        for name in names {
            let Some(at) = self.host(*name, problems) else { continue };
            let host = &self.hosts[at];
            if !offers(host) {
                let server = name.value;
                problems.push(
                    Problem::new(name.span, format!("`{server}` does not serve `{key}`"))
                        .label("is no such server")
                        .related(host.name.span, format!("needs `serve: {{ {key}: .. }}`")),
                );
            }
            if servers.contains(&HostIndex(at)) {
                problems.push(
                    Problem::new(name.span, format!("`{}` is named twice", name.value))
                        .label("not the first"),
                );
            }
            servers.push(HostIndex(at));
        }
        servers
    }

    /// Reports hosts that the stack, which speaks IPv4 here, cannot run on or reach.
    fn check_ipv4(&self, names: &[Located<&str>], problems: &mut Problems) {
        for name in names {
            let Some(at) = self.host_names.get(name.value) else { continue };
            let host = &self.hosts[*at];
            if !host.interfaces.is_empty()
                && !host.interfaces.iter().any(|interface| self.may_have(interface, IPV4))
            {
                problems.push(
                    Problem::new(name.span, format!("`{}` has no IPv4 address", name.value))
                        .label("the stack `webrtc-ice` runs over IPv4 alone here")
                        .related(host.name.span, "has IPv6 alone")
                        .help("a NAT with `clat` leads an IPv4 LAN into an IPv6 network"),
                );
            }
        }
    }

    /// Says whether the interface has an address of an IP version, as far as that is known.
    pub(crate) fn may_have(&self, interface: &InterfaceKeys<'_>, version: usize) -> bool {
        match &interface.place {
            Place::Internet { address } => {
                address.value.is_ipv4() == (version == IPV4)
                    || (version == IPV6 && interface.ipv6_address.is_some())
            }
            Place::Lan { lan, .. } => {
                self.lan_names.get(lan.value).is_none_or(|lan| self.lan_may_have(*lan, version))
            }
        }
    }

    /// Says whether the LAN has a subnet of an IP version, as far as that is known.
    pub(crate) fn lan_may_have(&self, lan: usize, version: usize) -> bool {
        let lan = &self.lans[lan];
        lan.subnet.is_none() || lan.subnet_of(version).is_some()
    }

    /// Reports a session whose own times alone go beyond the horizon.
    fn check_time(&self, session: &SessionKeys<'_>, problems: &mut Problems) {
        let found = match &session.discovery {
            Some(DiscoveryKeys::Rendezvous { delay }) => *delay,
            // A call after the run was reported.
            Some(DiscoveryKeys::Nodes(nodes)) if nodes.call_at() < self.horizon => nodes.call_at(),
            Some(DiscoveryKeys::Nodes(_)) | None => SimDuration::ZERO,
        };
        let start = session.start.iter().map(|(_, offset)| *offset).max().unwrap_or_default();
        let connecting = match session.stack {
            Stack::WebrtcIce => found + start,
            Stack::None => SimDuration::ZERO,
        };
        let loads = session.loads.iter();
        let loads = loads.map(|load| after(load) + duration(&load.load).unwrap_or_default()).max();
        let needed = connecting + loads.unwrap_or_default() + session.hold;
        let (name, horizon) = (session.name.value, self.horizon);
        if needed > horizon {
            problems.push(
                Problem::new(session.name.span, format!("the session `{name}` cannot end in time"))
                    .label(format!("takes at least {needed}, but the run ends after {horizon}"))
                    .help("set a later `horizon`"),
            );
        }
        let Some(expect) = &session.expect else { return };
        let times = [
            (expect.connect_within, "to connect"),
            (expect.noticed_within, "to notice"),
            (expect.recover_within, "to recover"),
        ];
        for (within, what) in times {
            if let Some(within) = within.filter(|within| within.value > horizon) {
                problems.push(
                    Problem::new(within.span, format!("the time {what} is longer than the run"))
                        .label(format!("the run ends after {horizon}")),
                );
            }
        }
    }

    /// Reports times after an event that does not come, or that nothing recovers from.
    fn check_recovery(
        &self,
        session: &SessionKeys<'_>,
        expect: &ExpectKeys<'_>,
        problems: &mut Problems,
    ) {
        for within in [expect.noticed_within, expect.recover_within].into_iter().flatten() {
            if !self.has_events {
                problems.push(
                    Problem::new(within.span, "there is no event that this could follow")
                        .label("needs `events`"),
                );
            }
        }
        let recovers =
            session.restart != Restart::Never || self.events.iter().any(|event| event.verb.heals());
        if let Some(within) = expect.recover_within.filter(|_| self.has_events && !recovers) {
            problems.push(
                Problem::new(within.span, "nothing here lets the session recover")
                    .label("impossible")
                    .help("let it `restart`, or let an event mend what another one breaks"),
            );
        }
    }

    /// Reports expectations that no outcome can meet.
    fn check_expectation(
        &self,
        session: &SessionKeys<'_>,
        expect: &ExpectKeys<'_>,
        problems: &mut Problems,
    ) {
        self.check_recovery(session, expect, problems);
        check_sources(session, expect, problems);
        check_oracle(session, expect, problems);
        self.check_discovered(session, expect, problems);
        let Some(Located { value: ExpectedPath::Is(path), span }) = expect.path else { return };
        match path {
            Path::Relay if session.turn.is_empty() => problems.push(
                Problem::new(span, "a session without `turn` servers cannot take a relay")
                    .label("impossible"),
            ),
            Path::Lan if !self.share_lan(session) => problems.push(
                Problem::new(span, "the hosts are not in one LAN where they see each other")
                    .label("impossible"),
            ),
            Path::None => check_unconnected(expect, span, problems),
            Path::Relay | Path::Lan | Path::Direct => {}
        }
    }

    /// Says whether the session's hosts can reach each other inside a LAN; true if not known.
    pub(crate) fn share_lan(&self, session: &SessionKeys<'_>) -> bool {
        let Some(names) = session.between else { return true };
        if self.events.iter().any(|event| matches!(event.verb, Verb::Roam { .. })) {
            return true; // they may meet later
        }
        let hosts = names.map(|name| self.host_names.get(name.value).map(|at| &self.hosts[*at]));
        let [Some(first), Some(second)] = hosts else { return true };
        if first.interfaces.is_empty() || second.interfaces.is_empty() {
            return true;
        }
        first.interfaces.iter().any(|interface| {
            let Place::Lan { lan, .. } = &interface.place else { return false };
            let is_isolated =
                self.lan_names.get(lan.value).is_some_and(|at| self.lans[*at].isolate);
            !is_isolated
                && second.interfaces.iter().any(|other| {
                    matches!(&other.place, Place::Lan { lan: same, .. } if same.value == lan.value)
                })
        })
    }
}

/// Reports what is expected of a connection where none is expected, as it stands at `none`.
pub(crate) fn check_unconnected(expect: &ExpectKeys<'_>, none: Span, problems: &mut Problems) {
    let up = [IceState::Connected, IceState::Completed];
    let states = expect.states.iter().chain(&expect.final_state);
    let state = states.filter(|state| up.contains(&state.value)).map(|state| state.span);
    let times = [expect.connect_within, expect.noticed_within, expect.recover_within];
    let times = times.into_iter().flatten().map(|within| within.span);
    let times = times.chain(completions(expect));
    for contradiction in times.chain(state) {
        problems.push(
            Problem::new(contradiction, "this needs a connection")
                .label("impossible")
                .related(none, "no connection is expected"),
        );
    }
}

/// Reports the outcome rule, which is about ICE, where there is no ICE.
fn check_oracle(session: &SessionKeys<'_>, expect: &ExpectKeys<'_>, problems: &mut Problems) {
    let Some(Located { value: ExpectedPath::Oracle, span }) = expect.path else { return };
    if session.stack == Stack::None {
        problems.push(
            Problem::new(span, "the outcome rule is for sessions with a stack")
                .label("needs a path")
                .help("write `lan`, `direct` or `none`"),
        );
    }
}

/// Where transfers are expected to end in time.
fn completions(expect: &ExpectKeys<'_>) -> impl Iterator<Item = Span> {
    let loads = expect.loads.iter().flat_map(|loads| &loads.value);
    let loads = loads.map(|(_, load)| load).chain([&expect.load]);
    loads.filter_map(|load| load.complete_within).map(|within| within.span)
}

/// What is given for each of the two hosts; a host that takes no part is reported.
pub(crate) fn by_host<T: Copy>(
    given: &[(Located<&str>, T)],
    names: [Located<&str>; 2],
    problems: &mut Problems,
) -> [Option<T>; 2] {
    let participants = names.map(|name| name.value);
    for (name, _) in given {
        if !participants.contains(&name.value) {
            problems.push(
                Problem::new(name.span, format!("`{}` takes no part in the session", name.value))
                    .label(format!("expected `{}` or `{}`", participants[0], participants[1])),
            );
        }
    }
    participants.map(|participant| {
        let given = given.iter().find(|(name, _)| name.value == participant);
        given.map(|(_, value)| *value)
    })
}
