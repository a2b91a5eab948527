//! Sessions and events held against the world they happen in.

use natbed_units::SimDuration;

use crate::diagnostic::LineIndex;
use crate::event::{EventKeys, Verb};
use crate::expect::ExpectKeys;
use crate::host::Place;
use crate::nat_keys::NatKeys;
use crate::problem::{Problem, Problems};
use crate::resolve::Written;
use crate::scenario::{
    Discovery, Event, EventAction, Expect, ExpectedPath, HostIndex, IceState, LanIndex, LinkTarget,
    Load, Path, Restart, Serve, Session,
};
use crate::session::SessionKeys;
use crate::tree::Located;

impl Written<'_> {
    pub(crate) fn resolve_sessions(
        &self,
        lines: &LineIndex,
        problems: &mut Problems,
    ) -> Vec<Session> {
        let sessions = self.sessions.iter();
        sessions.filter_map(|session| self.session(session, lines, problems)).collect()
    }

    fn session(
        &self,
        session: &SessionKeys<'_>,
        lines: &LineIndex,
        problems: &mut Problems,
    ) -> Option<Session> {
        let between = session.between.and_then(|names| self.between(names, problems));
        let stun = self.servers(&session.stun, "stun", |serve| serve.stun, problems);
        let turn = self.servers(&session.turn, "turn", |serve| serve.turn.is_some(), problems);
        let start = session.between.map(|names| start(session, names, problems));
        self.check_time(session, problems);
        if let Some(expect) = &session.expect {
            self.check_expectation(session, expect, problems);
        }
        Some(Session {
            name: session.name.value.to_owned(),
            between: between?.map(HostIndex),
            stack: session.stack,
            discovery: session.discovery,
            stun,
            turn,
            start: start?,
            load: session.load,
            hold: session.hold,
            restart: Restart::Never,
            expect: session.expect.as_ref().map(|expect| Expect {
                path: expect.path.map(|path| path.value),
                connect_within: expect.connect_within.map(|within| within.value),
                states: expect.states.iter().map(|state| state.value).collect(),
                final_state: expect.final_state.map(|state| state.value),
                loss: expect.loss,
                rtt_p50: expect.rtt_p50,
                rtt_p95: expect.rtt_p95,
                noticed_within: None,
                recover_within: None,
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
        Some([first?, second?])
    }

    /// Finds the hosts that offer a service, which is called `key` both here and in `serve`.
    fn servers(
        &self,
        names: &[Located<&str>],
        key: &str,
        offers: impl Fn(&Serve) -> bool,
        problems: &mut Problems,
    ) -> Vec<HostIndex> {
        let mut servers = Vec::with_capacity(names.len());
        for name in names {
            let Some(at) = self.host(*name, problems) else { continue };
            let host = &self.hosts[at];
            if !offers(&host.serve) {
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

    /// Reports a session whose own times alone go beyond the horizon.
    fn check_time(&self, session: &SessionKeys<'_>, problems: &mut Problems) {
        let Discovery::Rendezvous { delay } = session.discovery;
        let Load::Echo { count, interval, .. } = session.load;
        let start = session.start.iter().map(|(_, offset)| *offset).max().unwrap_or_default();
        let needed = delay + start + interval * u64::from(count - 1) + session.hold;
        let (name, horizon) = (session.name.value, self.horizon);
        if needed > horizon {
            problems.push(
                Problem::new(session.name.span, format!("the session `{name}` cannot end in time"))
                    .label(format!("takes at least {needed}, but the run ends after {horizon}"))
                    .help("set a later `horizon`"),
            );
        }
        let within = session.expect.as_ref().and_then(|expect| expect.connect_within);
        if let Some(within) = within.filter(|within| within.value > horizon) {
            problems.push(
                Problem::new(within.span, "the time to connect is longer than the run")
                    .label(format!("the run ends after {horizon}")),
            );
        }
    }

    /// Reports expectations that no outcome can meet.
    fn check_expectation(
        &self,
        session: &SessionKeys<'_>,
        expect: &ExpectKeys,
        problems: &mut Problems,
    ) {
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
            Path::None => {
                let up = [IceState::Connected, IceState::Completed];
                let states = expect.states.iter().chain(&expect.final_state);
                let state =
                    states.filter(|state| up.contains(&state.value)).map(|state| state.span);
                let contradictions = expect.connect_within.map(|within| within.span);
                for contradiction in contradictions.into_iter().chain(state) {
                    problems.push(
                        Problem::new(contradiction, "this needs a connection")
                            .label("impossible")
                            .related(span, "no connection is expected"),
                    );
                }
            }
            Path::Relay | Path::Lan | Path::Direct => {}
        }
    }

    /// Says whether the session's hosts can reach each other inside a LAN; true if not known.
    fn share_lan(&self, session: &SessionKeys<'_>) -> bool {
        let Some(names) = session.between else { return true };
        let places = names.map(|name| {
            let host = self.host_names.get(name.value)?;
            self.hosts[*host].place.as_ref()
        });
        match places {
            [Some(Place::Lan { lan: first, .. }), Some(Place::Lan { lan: second, .. })] => {
                let lan = self.lan_names.get(first.value);
                first.value == second.value && !lan.is_some_and(|lan| self.lans[*lan].isolate)
            }
            [Some(_), Some(_)] => false,
            _ => true,
        }
    }

    pub(crate) fn resolve_events(&self, problems: &mut Problems) -> Vec<Event> {
        let mut events: Vec<Event> =
            self.events.iter().filter_map(|event| self.event(event, problems)).collect();
        events.sort_by_key(|event| event.at); // stable: one instant keeps the order of the file
        events
    }

    fn event(&self, event: &EventKeys<'_>, problems: &mut Problems) -> Option<Event> {
        if event.at.value >= self.horizon {
            problems.push(
                Problem::new(event.at.span, "the event comes after the run")
                    .label(format!("the run ends after {}", self.horizon)),
            );
        }
        let action = match event.verb {
            Verb::LinkDown => EventAction::LinkDown(self.link_target(event.target, problems)?),
            Verb::LinkUp => EventAction::LinkUp(self.link_target(event.target, problems)?),
            Verb::ServerStop => EventAction::ServerStop(self.server(event.target, problems)?),
            Verb::ServerStart => EventAction::ServerStart(self.server(event.target, problems)?),
            Verb::NatFlush => EventAction::NatFlush(self.nat_of(event.target, problems)?),
        };
        Some(Event { at: event.at.value, action })
    }

    fn link_target(&self, name: Located<&str>, problems: &mut Problems) -> Option<LinkTarget> {
        if let Some(host) = self.host_names.get(name.value) {
            return Some(LinkTarget::Host(HostIndex(*host)));
        }
        let Some(lan) = self.lan_names.get(name.value) else {
            let names = self.lan_names.keys().chain(self.host_names.keys()).copied();
            problems.unknown(name.span, "LAN or host", name.value, names);
            return None;
        };
        if self.lans[*lan].gateway.is_none() {
            problems.push(
                Problem::new(name.span, format!("the LAN `{}` has no gateway", name.value))
                    .label("there is no link out of it"),
            );
        }
        Some(LinkTarget::Gateway(LanIndex(*lan)))
    }

    fn server(&self, name: Located<&str>, problems: &mut Problems) -> Option<HostIndex> {
        let host = self.host(name, problems)?;
        if self.hosts[host].serve == Serve::default() {
            problems.push(
                Problem::new(name.span, format!("`{}` serves nothing", name.value))
                    .label("is no server"),
            );
        }
        Some(HostIndex(host))
    }

    fn nat_of(&self, name: Located<&str>, problems: &mut Problems) -> Option<LanIndex> {
        let lan = self.lan(name, problems)?;
        let nat = self.lans[lan].gateway.as_ref().map(|gateway| gateway.nat.as_ref());
        // A `nat` that was reported says nothing about whether there is one.
        let has_nat = match nat {
            None => false,
            Some(nat) => !matches!(nat.map(|nat| &nat.value), Some(NatKeys::Routed)),
        };
        if !has_nat {
            problems.push(
                Problem::new(name.span, format!("the LAN `{}` has no NAT", name.value))
                    .label("there is nothing to flush"),
            );
        }
        Some(LanIndex(lan))
    }
}

/// The start offsets of the two hosts, zero where the session gives none.
fn start(
    session: &SessionKeys<'_>,
    names: [Located<&str>; 2],
    problems: &mut Problems,
) -> [SimDuration; 2] {
    let participants = names.map(|name| name.value);
    for (name, _) in &session.start {
        if !participants.contains(&name.value) {
            problems.push(
                Problem::new(name.span, format!("`{}` takes no part in the session", name.value))
                    .label(format!("expected `{}` or `{}`", participants[0], participants[1])),
            );
        }
    }
    participants.map(|participant| {
        let given = session.start.iter().find(|(name, _)| name.value == participant);
        given.map_or(SimDuration::ZERO, |(_, offset)| *offset)
    })
}
