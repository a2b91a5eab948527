//! Captures: every packet at every link end it passes, with what the NAT or the loss says of it.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;

use natbed_nat::MappingEnded;
use natbed_packet::pcapng::{Direction, InterfaceId, WriteError, Writer};
use natbed_packet::{DropReason, Packet};
use natbed_units::SimTime;

use crate::id::{HostId, LinkId, Place, RouterId};
use crate::network::Network;
use crate::observer::{Hop, Observer, Origin, Roaming, Step};

/// Writes a pcapng file with one interface for each end of each link.
///
/// A packet appears when it enters a pipe (outbound at the near end) and when it comes out
/// (inbound at the far end). The comment of a packet says what a NAT made of it, on the side where
/// it leaves the NAT, or why it was dropped, on the last link end it was seen at. A packet that was
/// lost before it entered a pipe, or in one that went down, appears once more where it was lost.
/// That a mapping of a NAT ended stands beside the next packet it translates.
///
/// Make it when the network is complete: of links added later only those of roaming hosts are
/// captured. A packet that has no
/// wire form ([`DropReason::Malformed`]) is left out.
#[derive(Debug)]
pub struct Capture<W: Write> {
    writer: Writer<W>,
    /// Near and far end of each link.
    ends: Vec<(InterfaceId, InterfaceId)>,
    /// Names of gateways, for comments.
    router_names: Vec<String>,
    /// Addresses and links of each host.
    hosts: Vec<Vec<(IpAddr, LinkId)>>,
    /// Inside and outside link of each gateway.
    router_links: Vec<(LinkId, LinkId)>,
    /// Held back until the next step, which may have to comment on it.
    pending: Option<Record>,
    /// What the last NAT made of the packet at hand.
    translation: Option<(u64, String)>,
    /// Mappings of each gateway that ended since its last translation, in words.
    ended: Vec<Vec<String>>,
    failure: Option<WriteError>,
}

/// The most mappings ended that one comment tells of; the oldest are left out.
const ENDED_MAX: usize = 8;

#[derive(Debug)]
struct Record {
    at: SimTime,
    id: u64,
    interface: InterfaceId,
    direction: Direction,
    packet: Packet,
    comment: Option<String>,
}

impl<W: Write> Capture<W> {
    /// Starts a capture of all links of `network` into `sink`.
    ///
    /// Virtual time zero is shown as `epoch_unix_nanos`, the wall-clock time at which the run's
    /// software believes to start, so that its logs and the capture agree.
    ///
    /// # Errors
    ///
    /// What writing the file header to `sink` reports.
    pub fn new<O: Observer>(
        sink: W,
        epoch_unix_nanos: u64,
        network: &Network<O>,
    ) -> Result<Self, WriteError> {
        let mut writer = Writer::with_epoch(sink, epoch_unix_nanos)?;
        let mut ends = Vec::with_capacity(network.link_count());
        for link in (0..network.link_count()).map(|n| LinkId(n as u32)) {
            let (near, far) = network.link_ends(link);
            ends.push(add_ends(&mut writer, &near, &far)?);
        }
        Ok(Self {
            writer,
            ends,
            router_names: network.routers.iter().map(|router| router.name.to_string()).collect(),
            hosts: network
                .hosts
                .iter()
                .map(|host| host.interfaces.iter().map(|i| (i.address, i.link)).collect())
                .collect(),
            router_links: network
                .routers
                .iter()
                .map(|router| (router.inside_link, router.outside_link))
                .collect(),
            pending: None,
            translation: None,
            ended: vec![Vec::new(); network.routers.len()],
            failure: None,
        })
    }

    /// Writes what is held back and returns the sink.
    ///
    /// # Errors
    ///
    /// The first error that writing met; packets after it are missing from the file.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.flush();
        match self.failure {
            Some(error) => Err(error),
            None => Ok(self.writer.finish()?),
        }
    }

    fn flush(&mut self) {
        if let (Some(record), None) = (self.pending.take(), &self.failure) {
            let Record { at, interface, direction, packet, comment, .. } = record;
            let written =
                self.writer.write_packet(interface, at, direction, &packet, comment.as_deref());
            self.failure = written.err().filter(|error| !matches!(error, WriteError::Encode(_)));
        }
    }

    /// Lets the packet appear at the near or the far end of a link.
    fn record(&mut self, hop: &Hop<'_>, link: LinkId, at_near_end: bool, direction: Direction) {
        let Some(&(near, far)) = self.ends.get(link.index()) else { return };
        self.flush();
        self.pending = Some(Record {
            at: hop.at,
            id: hop.id,
            interface: if at_near_end { near } else { far },
            direction,
            packet: hop.packet.clone(),
            comment: self.take_translation(hop),
        });
    }

    fn take_translation(&mut self, hop: &Hop<'_>) -> Option<String> {
        self.translation.take().filter(|(id, _)| *id == hop.id).map(|(_, text)| text)
    }

    /// Comments on the packet's last appearance, or lets it appear where it is if that is long ago.
    fn comment(&mut self, hop: &Hop<'_>, place: Place, is_its_own: bool, text: &str) {
        if self.pending.as_ref().is_none_or(|record| record.id != hop.id) {
            let direction = if is_its_own { Direction::Outbound } else { Direction::Inbound };
            let (link, at_near_end) = match place {
                Place::Host(host) => (self.host_link(host, hop.packet, is_its_own), true),
                Place::RouterInside(id) => (self.router_links.get(id.index()).map(|l| l.0), true),
                Place::RouterOutside(id) => (self.router_links.get(id.index()).map(|l| l.1), true),
                Place::Lan(_, from) | Place::Core(from) => (Some(from), false),
            };
            let Some(link) = link else { return };
            self.record(hop, link, at_near_end, direction);
        }
        let translation = self.take_translation(hop);
        if let Some(record) = &mut self.pending {
            let comment = record.comment.get_or_insert_default();
            for text in translation.as_deref().into_iter().chain([text]) {
                if !comment.is_empty() {
                    comment.push_str("; ");
                }
                comment.push_str(text);
            }
        }
    }

    /// The link of the interface that the packet leaves or came by; any, if it is not the host's.
    fn host_link(&self, host: HostId, packet: &Packet, is_its_own: bool) -> Option<LinkId> {
        let address = if is_its_own { packet.source } else { packet.destination };
        let interfaces = self.hosts.get(host.index())?;
        let interface = interfaces.iter().find(|(own, _)| *own == address);
        interface.or(interfaces.first()).map(|(_, link)| *link)
    }
}

/// Adds the interfaces for both ends of a link.
fn add_ends<W: Write>(
    writer: &mut Writer<W>,
    near: &str,
    far: &str,
) -> io::Result<(InterfaceId, InterfaceId)> {
    let near_end = writer.add_interface(near, &format!("{near}, its link to {far}"))?;
    let far_end =
        writer.add_interface(&format!("{far}/{near}"), &format!("{far}, its link to {near}"))?;
    Ok((near_end, far_end))
}

fn loss(verb: &str, reason: DropReason) -> String {
    let mut text = format!("{verb}: {reason}");
    if let Some(rfc) = reason.rfc() {
        let _ = write!(text, " ({rfc})");
    }
    text
}

impl<W: Write> Observer for Capture<W> {
    fn observe(&mut self, hop: &Hop<'_>) {
        match hop.step {
            Step::Entered(pipe) => {
                self.record(hop, pipe.link(), pipe.is_up(), Direction::Outbound);
            }
            Step::Left(pipe) => self.record(hop, pipe.link(), !pipe.is_up(), Direction::Inbound),
            Step::Translated(router, translation) => {
                let name = self.router_names.get(router.index()).map_or("?", String::as_str);
                let mut text = format!("nat {name}: {translation}");
                if let Some(ended) = self.ended.get_mut(router.index()) {
                    text.extend(ended.drain(..).map(|mapping| format!("; {mapping}")));
                }
                self.translation = Some((hop.id, text));
            }
            Step::Dropped(place, reason) => {
                let is_its_own = match (place, hop.origin) {
                    (Place::Host(at), Origin::Host(maker)) => at == maker,
                    (Place::RouterInside(at) | Place::RouterOutside(at), Origin::Router(maker)) => {
                        at == maker
                    }
                    _ => false,
                };
                self.comment(hop, place, is_its_own, &loss("dropped", reason));
            }
            Step::Refused(host, reason) => {
                self.comment(hop, Place::Host(host), false, &loss("refused", reason));
            }
            Step::Sent | Step::Made(_) | Step::Joined(_) | Step::Delivered(_) | Step::Taken(_) => {}
        }
    }

    fn moved(&mut self, roaming: &Roaming<'_>) {
        self.flush();
        if let Some(host) = self.hosts.get_mut(roaming.host.index())
            && let Some(interface) = host.get_mut(roaming.interface_index)
        {
            let (_, left) = std::mem::replace(interface, (roaming.address, roaming.link));
            host.retain(|(_, link)| *link != left);
        }
        if self.failure.is_none() && roaming.link.index() == self.ends.len() {
            match add_ends(&mut self.writer, roaming.ends.0, roaming.ends.1) {
                Ok(ends) => self.ends.push(ends),
                Err(error) => self.failure = Some(error.into()),
            }
        }
    }

    fn note(&mut self, _at: SimTime, router: RouterId, ended: &MappingEnded) {
        let Some(list) = self.ended.get_mut(router.index()) else { return };
        if list.len() == ENDED_MAX {
            list.remove(0);
        }
        let MappingEnded { at, internal, external, .. } = ended;
        list.push(format!("mapping {internal} -> {external} ended at {at}"));
    }
}
