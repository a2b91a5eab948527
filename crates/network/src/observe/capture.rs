//! Captures: every packet at every link end it passes, with what the NAT or the loss says of it.

use std::fmt::Write as _;
use std::io::Write;

use natbed_packet::pcapng::{Direction, InterfaceId, WriteError, Writer};
use natbed_packet::{DropReason, Packet};
use natbed_units::SimTime;

use crate::id::{HostId, LinkId, PipeId};
use crate::network::Network;
use crate::observer::{Hop, Observer, Step};

/// Writes a pcapng file with one interface for each end of each link.
///
/// A packet appears when it enters a pipe (outbound at the near end) and when it comes out
/// (inbound at the far end). The comment of a packet says what a NAT made of it, on the side where
/// it leaves the NAT, or why it was dropped, on the last link end it was seen at.
///
/// Make it when the network is complete: links added later are not captured.
#[derive(Debug)]
pub struct Capture<W: Write> {
    writer: Writer<W>,
    /// Near and far end of each link.
    ends: Vec<(InterfaceId, InterfaceId)>,
    /// Names of gateways, for comments.
    router_names: Vec<String>,
    /// The first link of each host, where packets appear that were lost before they left it.
    host_links: Vec<Option<LinkId>>,
    /// Held back until the next step, which may have to comment on it.
    pending: Option<Record>,
    /// What the last NAT made of the packet at hand.
    translation: Option<(u64, String)>,
    failure: Option<WriteError>,
}

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
    /// # Errors
    ///
    /// What writing the file header to `sink` reports.
    pub fn new<O: Observer>(sink: W, network: &Network<O>) -> Result<Self, WriteError> {
        let mut writer = Writer::new(sink)?;
        let mut ends = Vec::with_capacity(network.link_count());
        for link in (0..network.link_count()).map(|n| LinkId(n as u32)) {
            let (near, far) = network.link_ends(link);
            let near_end = writer.add_interface(&near, &format!("{near}, its link to {far}"))?;
            let far_end =
                writer.add_interface(&format!("{far}/{near}"), &format!("{far}, its link to {near}"))?;
            ends.push((near_end, far_end));
        }
        Ok(Self {
            writer,
            ends,
            router_names: network.routers.iter().map(|router| router.name.to_string()).collect(),
            host_links: (0..network.hosts.len())
                .map(|n| network.host_links(HostId(n as u32)).next())
                .collect(),
            pending: None,
            translation: None,
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
            self.failure = written.err();
        }
    }

    fn record(&mut self, hop: &Hop<'_>, pipe: PipeId, direction: Direction) {
        let Some(&(near, far)) = self.ends.get(pipe.link().index()) else { return };
        let is_near_end = pipe.is_up() == matches!(direction, Direction::Outbound);
        self.flush();
        self.pending = Some(Record {
            at: hop.at,
            id: hop.id,
            interface: if is_near_end { near } else { far },
            direction,
            packet: hop.packet.clone(),
            comment: self.translation.take().filter(|(id, _)| *id == hop.id).map(|(_, text)| text),
        });
    }

    /// Comments on the packet's last appearance, or lets it appear at its host if it had none.
    fn comment(&mut self, hop: &Hop<'_>, host: Option<HostId>, text: String) {
        if self.pending.as_ref().is_none_or(|record| record.id != hop.id) {
            let link = host.and_then(|host| self.host_links.get(host.index()).copied().flatten());
            let Some(link) = link else { return };
            self.record(hop, link.up(), Direction::Outbound);
        }
        if let Some(record) = &mut self.pending {
            let comment = record.comment.get_or_insert_default();
            if !comment.is_empty() {
                comment.push_str("; ");
            }
            comment.push_str(&text);
        }
    }
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
            Step::Entered(pipe) => self.record(hop, pipe, Direction::Outbound),
            Step::Left(pipe) => self.record(hop, pipe, Direction::Inbound),
            Step::Translated(router, translation) => {
                let name = self.router_names.get(router.index()).map_or("?", String::as_str);
                self.translation = Some((hop.id, format!("nat {name}: {translation}")));
            }
            Step::Dropped(place, reason) => {
                let host = match (place, hop.origin) {
                    (crate::Place::Host(host), _) | (_, crate::Origin::Host(host)) => Some(host),
                    _ => None,
                };
                self.comment(hop, host, loss("dropped", reason));
            }
            Step::Refused(host, reason) => self.comment(hop, Some(host), loss("refused", reason)),
            Step::Sent | Step::Delivered(_) => {}
        }
    }
}
