//! Loads, and what is expected of them, held against the session and the world they are in.

use std::net::{IpAddr, SocketAddr};

use natbed_units::SimDuration;

use crate::address::{Addresses, Pair};
use crate::expect::ExpectKeys;
use crate::lan::{IPV4, IPV6, version_name};
use crate::limits::MAX_SAMPLES;
use crate::load_expect::{self, LoadExpectKeys};
use crate::load_keys::LoadKeys;
use crate::problem::{Problem, Problems};
use crate::resolve::Written;
use crate::scenario::{Amount, Load, LoadExpect, NamedLoad, Reach, Stack};
use crate::session::{SessionKeys, To};
use crate::tree::Located;

/// What only an ICE agent tells.
const OF_AN_AGENT: &[&str] =
    &["discovered", "connect_within", "states", "final_state", "noticed_within", "recover_within"];

impl Written<'_> {
    /// Makes the loads of a session with what is expected of each.
    pub(crate) fn loads(
        &self,
        session: &SessionKeys<'_>,
        problems: &mut Problems,
    ) -> Vec<NamedLoad> {
        let expect = session.expect.as_ref();
        if let Some(expect) = expect {
            check_names(session, expect, problems);
        }
        let load = |load: &LoadKeys<'_>| {
            self.check_samples(load, problems);
            let expect = expect.and_then(|expect| expect_of(load, expect));
            if let Some(expect) = expect {
                load_expect::check(load.kind.value, &load.load, expect, problems);
                self.check_completion(expect, problems);
            }
            NamedLoad {
                name: load.name.map(|name| name.value.to_owned()),
                load: load.load,
                after: after(load),
                expect: expect.map_or_else(LoadExpect::default, |expect| expect.expect),
            }
        };
        session.loads.iter().map(load).collect()
    }

    /// Reports samples that would be too many, if the load went on as long as it can.
    fn check_samples(&self, load: &LoadKeys<'_>, problems: &mut Problems) {
        let Some(sample) = load.sample else { return };
        let longest = duration(&load.load).unwrap_or(self.horizon).min(self.horizon);
        let count = longest.as_nanos() / sample.value.as_nanos();
        if count > MAX_SAMPLES {
            problems.push(
                Problem::new(sample.span, format!("a load takes at most {MAX_SAMPLES} samples"))
                    .label(format!("up to {count} in {longest}")),
            );
        }
    }

    fn check_completion(&self, expect: &LoadExpectKeys<'_>, problems: &mut Problems) {
        let horizon = self.horizon;
        if let Some(within) = expect.complete_within.filter(|within| within.value > horizon) {
            problems.push(
                Problem::new(within.span, "the time to complete is longer than the run")
                    .label(format!("the run ends after {horizon}")),
            );
        }
    }

    /// Finds where the second host of a session without a stack can be reached.
    pub(crate) fn reach(
        &self,
        session: &SessionKeys<'_>,
        between: Option<[usize; 2]>,
        addresses: &Addresses,
        problems: &mut Problems,
    ) -> Option<Reach> {
        if session.stack != Stack::None {
            return None;
        }
        let (names, [first, second]) = (session.between?, between?);
        let own = |host: usize, version: usize| {
            addresses.hosts[host].iter().find_map(|pair: &Pair| pair[version])
        };
        let to = match session.to {
            Some(Located { value: To { address, port }, span }) => {
                let version = version_of(address);
                // A host whose addresses were reported has none of either version.
                if own(first, version).is_none() && own(first, IPV4 + IPV6 - version).is_some() {
                    let (name, version) = (names[0].value, version_name(version));
                    problems.push(
                        Problem::new(span, format!("`{name}` has no {version} address"))
                            .label("cannot be sent to from there"),
                    );
                }
                SocketAddr::new(address, port.unwrap_or(session.port))
            }
            None => {
                let common = |version: &usize| own(first, *version).is_some();
                let version = [IPV4, IPV6].into_iter().filter(common);
                let mut address = version.filter_map(|version| own(second, version));
                let known = |host: usize| [IPV4, IPV6].iter().any(|at| own(host, *at).is_some());
                let address = address.next();
                if address.is_none() && known(first) && known(second) {
                    let [first, second] = names.map(|name| name.value);
                    let message = format!("`{first}` and `{second}` have no IP version in common");
                    problems.push(
                        Problem::new(names[1].span, message)
                            .label("has no address that can be sent to")
                            .help("say where it is reached with `to`"),
                    );
                }
                SocketAddr::new(address?, session.port)
            }
        };
        Some(Reach { port: session.port, to })
    }
}

const fn version_of(address: IpAddr) -> usize {
    if address.is_ipv4() { IPV4 } else { IPV6 }
}

/// What is expected of one of the session's loads.
fn expect_of<'a, 't>(
    load: &LoadKeys<'_>,
    expect: &'a ExpectKeys<'t>,
) -> Option<&'a LoadExpectKeys<'t>> {
    let Some(name) = load.name else { return Some(&expect.load) };
    let mut loads = expect.loads.iter().flat_map(|loads| &loads.value);
    loads.find(|(of, _)| of.value == name.value).map(|(_, expect)| expect)
}

/// Reports expectations of loads that are not there, or that do not say which load they are of.
fn check_names(session: &SessionKeys<'_>, expect: &ExpectKeys<'_>, problems: &mut Problems) {
    let Some(names) = &session.load_names else {
        if let Some(loads) = &expect.loads {
            problems.push(
                Problem::new(loads.span, "the load of this session has no name")
                    .label("needs `loads` in the session")
                    .help("what is expected of the only load stands beside `path`"),
            );
        }
        return;
    };
    for metric in &expect.load.given {
        let metric_name = metric.value;
        problems.push(
            Problem::new(metric.span, format!("`{metric_name}` does not say of which load"))
                .label("belongs into `loads`")
                .related(names.span, "the loads by name")
                .help(format!("write `loads: {{ NAME: {{ {metric_name}: .. }} }}`")),
        );
    }
    for (name, _) in expect.loads.iter().flat_map(|loads| &loads.value) {
        if !names.value.contains(&name.value) {
            problems.unknown(name.span, "load", name.value, names.value.iter().copied());
        }
    }
}

/// Reports what is expected of agents where there are none, and of echoes where nothing echoes.
pub(crate) fn check_sources(
    session: &SessionKeys<'_>,
    expect: &ExpectKeys<'_>,
    problems: &mut Problems,
) {
    if session.stack == Stack::None {
        for key in expect.given.iter().filter(|key| OF_AN_AGENT.contains(&key.value)) {
            problems.push(
                Problem::new(key.span, format!("`{}` needs a stack", key.value))
                    .label("there are no agents")
                    .help("leave `stack: none` out"),
            );
        }
        return;
    }
    let has_echo = session.loads.iter().any(|load| matches!(load.load, Load::Echo { .. }));
    if let Some(within) = expect.recover_within.filter(|_| !has_echo && !session.loads.is_empty()) {
        problems.push(
            Problem::new(within.span, "recovery is seen by echoes, and the session has none")
                .label("needs an `echo` load")
                .help("let one run beside the others in `loads`"),
        );
    }
}

/// When the load begins, after the session is connected.
pub(crate) fn after(load: &LoadKeys<'_>) -> SimDuration {
    load.after.map_or(SimDuration::ZERO, |after| after.value)
}

/// How long the load goes on; `None` for a transfer, which takes as long as it takes.
pub(crate) fn duration(load: &Load) -> Option<SimDuration> {
    let transfer = match load {
        Load::Echo { count, interval, .. } => {
            return Some(*interval * u64::from(count.saturating_sub(1)));
        }
        Load::Datagrams(datagrams) => return Some(datagrams.duration),
        Load::Quic(quic) => &quic.transfer,
        Load::Sctp(sctp) => &sctp.transfer,
        Load::Tcp(tcp) => &tcp.transfer,
    };
    match transfer.amount {
        Amount::Bytes(_) => None,
        Amount::For(time) => Some(time),
    }
}
