//! Transfers held against the slowest link that they have to go through.

use natbed_units::{ByteCount, Rate, SimDuration};

use crate::event::Verb;
use crate::loads::after;
use crate::problem::{Problem, Problems};
use crate::resolve::Written;
use crate::scenario::{Amount, Attachment, Gateway, Host, Lan, LanIndex, Link, Load, Sender};
use crate::session::SessionKeys;
use crate::topology::Upstream;

/// What the way between two hosts leads through, as far as it was made out.
pub(crate) struct Routes<'a> {
    pub(crate) upstreams: &'a [Upstream],
    pub(crate) lans: &'a [Lan],
    pub(crate) hosts: &'a [Host],
}

impl Written<'_> {
    /// Reports transfers of so many bytes that even the links which they surely go through let
    /// arrive too late.
    pub(crate) fn check_bottleneck(
        &self,
        session: &SessionKeys<'_>,
        between: [usize; 2],
        routes: &Routes<'_>,
        problems: &mut Problems,
    ) {
        let changes = |verb: &Verb<'_>| matches!(verb, Verb::Roam { .. } | Verb::SetLink { .. });
        if self.events.iter().any(|event| changes(&event.verb)) {
            return;
        }
        for load in &session.loads {
            let transfer = match &load.load {
                Load::Quic(quic) => quic.transfer,
                Load::Sctp(sctp) => sctp.transfer,
                Load::Tcp(tcp) => tcp.transfer,
                Load::Echo { .. } | Load::Datagrams(_) => continue,
            };
            let Amount::Bytes(size) = transfer.amount else { continue };
            let [first, second] = between;
            let ways: &[[usize; 2]] = match transfer.from {
                Sender::First => &[[first, second]],
                Sender::Second => &[[second, first]],
                Sender::Both => &[[first, second], [second, first]],
            };
            let slowest = ways.iter().filter_map(|[from, to]| routes.least_time(*from, *to, size));
            let Some((time, rate)) = slowest.max() else { continue };
            let horizon = self.horizon;
            if after(load) + time > horizon {
                problems.push(
                    Problem::new(
                        load.kind.span,
                        format!("{size} cannot arrive before the run ends"),
                    )
                    .label(format!("takes at least {time} at {rate}, the run {horizon}"))
                    .help("set a later `horizon`, send less, or send `for` a time"),
                );
            }
        }
    }
}

impl Routes<'_> {
    /// The least time that so many bytes take from one host to another, and the rate that makes it
    /// so; `None` if nothing that they surely go through has a rate.
    fn least_time(&self, from: usize, to: usize, size: ByteCount) -> Option<(SimDuration, Rate)> {
        let (from, to) = (self.hosts.get(from)?, self.hosts.get(to)?);
        let up = self.links(from, to).into_iter().map(|link| &link.up.line);
        let down = self.links(to, from).into_iter().map(|link| &link.down.line);
        let times = up.chain(down).filter_map(|line| {
            let (rate, at_once) = line.most()?;
            let rest = size.bytes().saturating_sub(at_once.bytes());
            Some((rate.serialization_time(ByteCount::new(rest)), rate))
        });
        times.max()
    }

    /// The links of a host that everything to the other one goes through: its own, and the uplinks
    /// of the gateways up to where their ways meet.
    ///
    /// A host with several interfaces may use any of them, and one that relays may be in two LANs.
    fn links<'a>(&'a self, of: &'a Host, other: &Host) -> Vec<&'a Link> {
        let mut links = Vec::new();
        let [interface] = of.interfaces.as_slice() else { return links };
        links.push(&interface.link);
        let has_bridge =
            self.hosts.iter().any(|host| host.serve.turn.is_some() && host.interfaces.len() > 1);
        let [beyond] = other.interfaces.as_slice() else { return links };
        if has_bridge {
            return links;
        }
        let met = self.chain(beyond.attachment);
        for lan in self.chain(interface.attachment) {
            if met.contains(&lan) {
                break;
            }
            let gateway = self.lans.get(lan).and_then(|lan| lan.gateway.as_ref());
            links.extend(gateway.map(|gateway: &Gateway| &gateway.uplink));
        }
        links
    }

    /// The LANs from an attachment up, each as the one whose gateway serves it.
    fn chain(&self, attachment: Attachment) -> Vec<usize> {
        let mut chain = Vec::new();
        let Attachment::Lan(LanIndex(mut at)) = attachment else { return chain };
        loop {
            match self.upstreams.get(at) {
                Some(Upstream::Shared(owner)) => at = *owner,
                Some(Upstream::Lan(via)) if chain.len() < self.upstreams.len() => {
                    chain.push(at);
                    at = *via;
                }
                _ => {
                    chain.push(at);
                    return chain;
                }
            }
        }
    }
}
