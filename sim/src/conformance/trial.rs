//! One box under observation: what a check does with it.

use std::net::IpAddr;

use natbed_nat::Side;
use natbed_packet::{Body, Endpoint, Icmp, IcmpErrorKind, Packet, Protocol, Quoted, Tcp, TcpFlags};
use natbed_units::SimDuration;

use super::finding::Shortfall;
use super::middlebox::{Addresses, Middlebox};
use super::packets;

/// A fresh box, and short ways to send through it.
pub struct Trial {
    middlebox: Box<dyn Middlebox>,
    addresses: Addresses,
}

/// A flow from inside, as both of its ends know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its protocol.
    pub protocol: Protocol,
    /// The end inside.
    pub inside: Endpoint,
    /// The same, as the end outside knows it.
    pub external: Endpoint,
    /// The end outside.
    pub outside: Endpoint,
}

/// An ICMP error that came out of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The side it came out on.
    pub side: Side,
    /// Who it says it is from.
    pub from: IpAddr,
    /// Who it is for.
    pub to: IpAddr,
    /// What it says.
    pub kind: IcmpErrorKind,
    /// What it says it about.
    pub quoted: Quoted,
}

impl Trial {
    /// Takes a box over.
    #[must_use]
    pub fn new(middlebox: Box<dyn Middlebox>) -> Self {
        let addresses = middlebox.addresses();
        Self { middlebox, addresses }
    }

    /// Returns who can be addressed.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Returns an endpoint of a host inside.
    #[must_use]
    pub fn inside(&self, host: usize, port: u16) -> Endpoint {
        Endpoint::new(self.addresses.inside[host], port)
    }

    /// Returns an endpoint outside; the first two addresses are one host's.
    #[must_use]
    pub fn outside(&self, address: usize, port: u16) -> Endpoint {
        Endpoint::new(self.addresses.outside[address], port)
    }

    /// Returns what a host inside writes for an address outside.
    #[must_use]
    pub fn seen_inside(&self, outside: Endpoint) -> Endpoint {
        match (self.addresses.nat64, outside.ip) {
            (Some(prefix), IpAddr::V4(ip)) => {
                let bits = prefix.network().to_bits() | u128::from(ip.to_bits());
                Endpoint::new(IpAddr::V6(bits.into()), outside.port)
            }
            _ => outside,
        }
    }

    /// Sends a packet and returns everything that reached a host in the same instant.
    pub fn send(&mut self, side: Side, packet: Packet) -> Vec<(Side, Packet)> {
        self.middlebox.send(side, packet);
        self.received()
    }

    /// Lets time pass and returns everything that reached a host meanwhile.
    pub fn wait(&mut self, span: SimDuration) -> Vec<(Side, Packet)> {
        self.middlebox.wait(span);
        self.received()
    }

    fn received(&mut self) -> Vec<(Side, Packet)> {
        std::iter::from_fn(|| self.middlebox.receive()).collect()
    }

    /// Sends a packet from inside and returns it as it came out on the other side, if it did.
    ///
    /// Its destination is the one that is known outside.
    pub fn out(&mut self, packet: Packet) -> Option<Packet> {
        let to = self.seen_inside(Endpoint::new(packet.destination, 0));
        let received = self.send(Side::Inside, Packet { destination: to.ip, ..packet });
        received.into_iter().find(|(side, _)| *side == Side::Outside).map(|(_, packet)| packet)
    }

    /// Sends a packet from outside and returns it as it came out on the other side, if it did.
    pub fn inward(&mut self, packet: Packet) -> Option<Packet> {
        let received = self.send(Side::Outside, packet);
        received.into_iter().find(|(side, _)| *side == Side::Inside).map(|(_, packet)| packet)
    }

    /// Sends the first packet of a flow and returns the endpoint that it comes from outside.
    pub fn map(&mut self, protocol: Protocol, from: Endpoint, to: Endpoint) -> Option<Endpoint> {
        let packet = packets::first(protocol, Side::Inside, from, to);
        self.out(packet).and_then(|packet| packet.source_endpoint())
    }

    /// Opens a flow; a box that lets none of its protocol out cannot be checked.
    ///
    /// # Errors
    ///
    /// That the requirement is not applicable, if the packet does not come out.
    pub fn open(
        &mut self,
        protocol: Protocol,
        inside: Endpoint,
        outside: Endpoint,
    ) -> Result<Flow, Shortfall> {
        match self.map(protocol, inside, outside) {
            Some(external) => Ok(Flow { protocol, inside, external, outside }),
            None => Err(Shortfall::NotApplicable(format!(
                "{protocol} from {inside} to {outside} does not get out"
            ))),
        }
    }

    /// Opens a TCP connection from inside with the three-way handshake.
    ///
    /// # Errors
    ///
    /// As [`Trial::open`]; and that the requirement is violated if the handshake is not let through.
    pub fn connect(&mut self, inside: Endpoint, outside: Endpoint) -> Result<Flow, Shortfall> {
        let flow = self.open(Protocol::Tcp, inside, outside)?;
        let done = self.answer(flow) && self.segment(flow, Side::Inside, TcpFlags::ACK);
        if done {
            Ok(flow)
        } else {
            Err(Shortfall::Violated("a three-way handshake does not pass".to_owned()))
        }
    }

    /// The end outside answers the first packet; says whether that reaches the end inside.
    pub fn answer(&mut self, flow: Flow) -> bool {
        let Flow { protocol, external, outside, .. } = flow;
        let packet = packets::answer(protocol, Side::Outside, outside, external);
        self.taken_by(packet) == Some(flow.inside)
    }

    /// The end inside sends the first packet once more; says whether that reaches the end outside
    /// as before.
    pub fn repeat(&mut self, flow: Flow) -> bool {
        self.map(flow.protocol, flow.inside, flow.outside) == Some(flow.external)
    }

    /// Sends a segment of a connection from one side; says whether it reaches the other end.
    pub fn segment(&mut self, flow: Flow, side: Side, flags: TcpFlags) -> bool {
        match side {
            Side::Inside => {
                let packet = packets::segment(side, flags, flow.inside, flow.outside);
                let came = self.out(packet);
                came.and_then(|packet| packet.source_endpoint()) == Some(flow.external)
            }
            Side::Outside => {
                let packet = packets::segment(side, flags, flow.outside, flow.external);
                self.taken_by(packet) == Some(flow.inside)
            }
        }
    }

    /// Somebody outside begins a flow; returns who inside gets its first packet.
    pub fn visit(&mut self, protocol: Protocol, from: Endpoint, to: Endpoint) -> Option<Endpoint> {
        self.taken_by(packets::first(protocol, Side::Outside, from, to))
    }

    fn taken_by(&mut self, packet: Packet) -> Option<Endpoint> {
        self.inward(packet).and_then(|packet| packet.destination_endpoint())
    }

    /// Makes the ICMP error that `from` outside sends about a flow's packet.
    #[must_use]
    pub fn error_about(&self, flow: Flow, from: IpAddr, kind: IcmpErrorKind) -> Packet {
        let Flow { protocol, external, outside, .. } = flow;
        let offender = packets::first(protocol, Side::Inside, external, outside);
        Packet::icmp_error(from, kind, &offender).expect("it is unicast and no error")
    }
}

/// Returns the ICMP errors among packets.
pub(super) fn complaints(packets: &[(Side, Packet)]) -> Vec<Complaint> {
    let complaint = |(side, packet): &(Side, Packet)| match &packet.body {
        Body::Icmp(Icmp::Error { kind, quoted }) => Some(Complaint {
            side: *side,
            from: packet.source,
            to: packet.destination,
            kind: *kind,
            quoted: **quoted,
        }),
        _ => None,
    };
    packets.iter().filter_map(complaint).collect()
}

/// Returns the TCP resets among packets.
pub(super) fn resets(packets: &[(Side, Packet)]) -> Vec<Side> {
    let is_reset = |body: &Body| matches!(body, Body::Tcp(tcp) if matches!(&**tcp, Tcp { flags, .. } if flags.contains(TcpFlags::RST)));
    packets.iter().filter(|(_, packet)| is_reset(&packet.body)).map(|(side, _)| *side).collect()
}

/// Formats an endpoint that may not have been seen.
pub(super) fn shown(endpoint: Option<Endpoint>) -> String {
    endpoint.map_or_else(|| "nothing".to_owned(), |endpoint| endpoint.to_string())
}
