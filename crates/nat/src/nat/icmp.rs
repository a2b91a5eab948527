//! ICMP errors: the packet they quote is translated back (RFC 5508 section 4).
//!
//! An error is looked up by the packet it quotes, and never creates, renews or ends anything
//! (RFC 4787 REQ-12, RFC 5508 REQ-6, RFC 7857 section 7.1). Who sent it does not matter
//! (RFC 4787 REQ-12a).

use natbed_packet::{Body, DropReason, Endpoint, Icmp, Packet, Protocol, Quoted};

use super::mapping::MappingKey;
use super::{Nat, Outbound, Translation};
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
        let returns = packet.destination == self.external;
        if returns && self.config.hairpin == Hairpin::None {
            return Err(DropReason::NoHairpin);
        }
        let quoted = quoted(packet)?;
        let before = quoted.destination;
        let port = self
            .external_port_of_receiver(quoted.protocol, before, quoted.source)
            .ok_or(DropReason::IcmpErrorUnknownFlow)?;
        let mut rewritten = *quoted;
        rewritten.destination = Endpoint::new(self.external, port);
        let mut translation = Translation {
            protocol: quoted.protocol,
            before,
            after: rewritten.destination,
            created: false,
            hairpinned_to: None,
        };
        if !returns {
            *quoted = rewritten;
            packet.source = self.external;
            return Ok(Outbound::Forwarded(translation));
        }
        let sender = self.quoted_sender(&rewritten)?;
        rewritten.source = sender;
        *quoted = rewritten;
        packet.source = self.external;
        packet.destination = sender.ip;
        translation.hairpinned_to = Some(sender);
        Ok(Outbound::Hairpinned(translation))
    }

    /// The internal endpoint that sent a packet quoted as it looked outside.
    fn quoted_sender(&self, quoted: &Quoted) -> Result<Endpoint, DropReason> {
        let unknown = DropReason::IcmpErrorUnknownFlow;
        if quoted.source.ip != self.external {
            return Err(unknown);
        }
        let flow = self.flows.inbound(quoted.protocol, quoted.source.port, quoted.destination);
        flow.and_then(|flow| flow.inside).map(|inside| inside.endpoint).ok_or(unknown)
    }

    /// The external port through which `internal` got a packet from `remote`.
    fn external_port_of_receiver(
        &self,
        protocol: Protocol,
        internal: Endpoint,
        remote: Endpoint,
    ) -> Option<u16> {
        if let Some(flow) = self.flows.outbound(protocol, internal, remote) {
            return Some(flow.external_port);
        }
        // Without inbound refresh a packet from outside leaves no flow: ask the filter again.
        let key = MappingKey::new(self.config.mapping, protocol, internal, remote);
        let port = self
            .forwarded_port(protocol, internal)
            .or_else(|| self.mappings.reusable_port(&key))?;
        let taker = self.mappings.admitting(protocol, port, remote.ip).ok()?;
        (taker.key.internal == internal).then_some(port)
    }
}

fn quoted(packet: &mut Packet) -> Result<&mut Quoted, DropReason> {
    match &mut packet.body {
        Body::Icmp(Icmp::Error { quoted, .. }) => Ok(quoted),
        _ => Err(DropReason::NotTranslatable),
    }
}
