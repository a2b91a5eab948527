//! ICMP errors: the packet they quote is translated back (RFC 5508 section 4).
//!
//! An error is looked up by the packet it quotes, and never creates, renews or ends anything
//! (RFC 4787 REQ-12, RFC 5508 REQ-6, RFC 7857 section 7.1). Who sent it does not matter
//! (RFC 4787 REQ-12a).

use natbed_packet::{Body, DropReason, Endpoint, Icmp, Packet, Protocol, Quoted};

use super::mapping::MappingKey;
use super::{External, Nat, Outbound, Translation};
use crate::Hairpin;

impl Nat {
    /// Translates an error from outside about a packet that went out (RFC 5508 REQ-4).
    pub(super) fn inbound_error(&self, packet: &mut Packet) -> Result<Translation, DropReason> {
        let quoted = quoted(packet)?;
        let before = quoted.source;
        let after = self.quoted_sender(quoted)?;
        quoted.source = after;
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
        let quoted = quoted(packet)?;
        let before = quoted.destination;
        let external = self
            .external_of_receiver(quoted.protocol, before, quoted.source)
            .ok_or(DropReason::IcmpErrorUnknownFlow)?;
        let mut rewritten = *quoted;
        rewritten.destination = self.pool.endpoint(external);
        let mut translation = Translation {
            protocol: quoted.protocol,
            before,
            after: rewritten.destination,
            created: false,
            hairpinned_to: None,
        };
        if !returns {
            *quoted = rewritten;
            packet.source = rewritten.destination.ip;
            return Ok(Outbound::Forwarded(translation));
        }
        let sender = self.quoted_sender(&rewritten)?;
        rewritten.source = sender;
        *quoted = rewritten;
        packet.source = rewritten.destination.ip;
        packet.destination = sender.ip;
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

fn quoted(packet: &mut Packet) -> Result<&mut Quoted, DropReason> {
    match &mut packet.body {
        Body::Icmp(Icmp::Error { quoted, .. }) => Ok(quoted),
        _ => Err(DropReason::NotTranslatable),
    }
}
