//! ICMP errors: the packet they quote is translated back (RFC 5508 section 4).
//!
//! An error is looked up by the packet it quotes, and never creates, renews or ends anything
//! (RFC 4787 REQ-12, RFC 5508 REQ-6, RFC 7857 section 7.1). Who sent it does not matter
//! (RFC 4787 REQ-12a).

use natbed_packet::{Body, DropReason, Endpoint, Icmp, IcmpErrorKind, Packet, Protocol, Quoted};

use super::mapping::MappingKey;
use super::{External, Nat, Outbound, Translation};
use crate::{Hairpin, siit};

impl Nat {
    /// Translates an error from outside about a packet that went out (RFC 5508 REQ-4).
    pub(super) fn inbound_error(&self, packet: &mut Packet) -> Result<Translation, DropReason> {
        let (kind, quoted) = error_of(packet)?;
        let before = quoted.source;
        let after = self.quoted_sender(quoted)?;
        quoted.source = after;
        quoted.destination.ip = self.remote_inside(quoted.destination.ip);
        if self.config.nat64.is_some() {
            *kind = siit::error_to_v6(*kind);
        }
        packet.source = self.remote_inside(packet.source);
        packet.destination = after.ip;
        Ok(Translation {
            protocol: packet.protocol(),
            before,
            after,
            created: false,
            hairpinned_to: None,
        })
    }

    /// Translates an error from inside about a packet that came in (RFC 5508 REQ-5), and turns it
    /// back inside if that packet had been hairpinned (REQ-7).
    pub(super) fn outbound_error(&self, packet: &mut Packet) -> Result<Outbound, DropReason> {
        let returns = self.pool.place(packet.destination).is_some();
        if returns && self.config.hairpin == Hairpin::None {
            return Err(DropReason::NoHairpin);
        }
        let unknown = DropReason::IcmpErrorUnknownFlow;
        let (kind, quoted) = error_of(packet)?;
        let (protocol, before) = (quoted.protocol, quoted.destination);
        let remote = Endpoint::new(
            self.remote_outside(quoted.source.ip).ok_or(unknown)?,
            quoted.source.port,
        );
        let external = self.external_of_receiver(protocol, before, remote).ok_or(unknown)?;
        let after = self.pool.endpoint(external);
        let outside = Quoted { protocol, source: remote, destination: after };
        let mut translation =
            Translation { protocol, before, after, created: false, hairpinned_to: None };
        if !returns {
            *quoted = outside;
            if self.config.nat64.is_some() {
                *kind = siit::error_to_v4(*kind);
            }
            packet.source = after.ip;
            return Ok(Outbound::Forwarded(translation));
        }
        let sender = self.quoted_sender(&outside)?;
        let from = self.remote_inside(after.ip);
        *quoted = Quoted { protocol, source: sender, destination: Endpoint::new(from, after.port) };
        (packet.source, packet.destination) = (from, sender.ip);
        translation.hairpinned_to = Some(sender);
        Ok(Outbound::Hairpinned(translation))
    }

    /// The internal endpoint that sent a packet quoted as it looked outside.
    fn quoted_sender(&self, quoted: &Quoted) -> Result<Endpoint, DropReason> {
        let unknown = DropReason::IcmpErrorUnknownFlow;
        let external = self.pool.external(quoted.source).ok_or(unknown)?;
        let flow = self.flows.inbound(quoted.protocol, external, quoted.destination);
        flow.and_then(|flow| flow.inside).map(|inside| inside.endpoint).ok_or(unknown)
    }

    /// The external endpoint through which `internal` got a packet from `remote`.
    fn external_of_receiver(
        &self,
        protocol: Protocol,
        internal: Endpoint,
        remote: Endpoint,
    ) -> Option<External> {
        if let Some(flow) = self.flows.outbound(protocol, internal, remote) {
            return Some(flow.external);
        }
        // Without inbound refresh a packet from outside leaves no flow: ask the filter again.
        let key = MappingKey::new(self.config.mapping_of(protocol), protocol, internal, remote);
        let external =
            self.forwarded(protocol, internal).or_else(|| self.mappings.reusable(&key))?;
        let taker = self.mappings.admitting(&self.config, protocol, external, remote).ok()?;
        (taker.key.internal == internal).then_some(external)
    }
}

fn error_of(packet: &mut Packet) -> Result<(&mut IcmpErrorKind, &mut Quoted), DropReason> {
    match &mut packet.body {
        Body::Icmp(Icmp::Error { kind, quoted }) => Ok((kind, quoted)),
        _ => Err(DropReason::NotTranslatable),
    }
}
