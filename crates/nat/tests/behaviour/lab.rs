//! A NAT with a clock, and short ways to send through it.

use std::net::IpAddr;

use bytes::Bytes;
use natbed_nat::{Nat, NatConfig, Outbound, Translation};
use natbed_packet::{Body, DropReason, Endpoint, Icmp, IcmpErrorKind, Packet, Protocol, Quoted};
use natbed_packet::{Tcp, TcpFlags};
use natbed_units::{Seed, SimDuration, SimTime};

/// The external address of every NAT in a [`Lab`].
pub(crate) const EXTERNAL: &str = "198.18.0.1";

/// A NAT and the time.
pub(crate) struct Lab {
    pub(crate) nat: Nat,
    pub(crate) now: SimTime,
}

impl Lab {
    pub(crate) fn new(config: NatConfig) -> Self {
        Self::seeded(config, 1)
    }

    pub(crate) fn seeded(config: NatConfig, seed: u64) -> Self {
        let nat = Nat::new(config, ip(EXTERNAL), Seed::new(seed).rng("nat")).unwrap();
        Self { nat, now: SimTime::ZERO }
    }

    /// A NAT with the `n` external addresses from [`EXTERNAL`] on.
    pub(crate) fn pooled(config: NatConfig, n: u8) -> Self {
        let nat = Nat::with_pool(config, externals(n), Seed::new(1).rng("nat")).unwrap();
        Self { nat, now: SimTime::ZERO }
    }

    pub(crate) fn profile(name: &str) -> Self {
        Self::new(natbed_nat::profile(name).unwrap().behaviour.nat().unwrap().clone())
    }

    /// Lets time pass without telling the NAT.
    pub(crate) fn wait(&mut self, span: SimDuration) {
        self.now += span;
    }

    pub(crate) fn send(&mut self, packet: &mut Packet) -> Result<Outbound, DropReason> {
        self.nat.outbound(self.now, packet)
    }

    pub(crate) fn receive(&mut self, packet: &mut Packet) -> Result<Translation, DropReason> {
        self.nat.inbound(self.now, packet)
    }

    /// Sends a UDP packet from inside; returns the source it leaves with.
    pub(crate) fn out(&mut self, from: &str, to: &str) -> Result<Endpoint, DropReason> {
        let mut packet = udp(ep(from), ep(to));
        self.send(&mut packet)?;
        assert_eq!(packet.destination_endpoint(), Some(ep(to)), "only the source is translated");
        Ok(packet.source_endpoint().unwrap())
    }

    /// Sends a UDP packet from inside that must pass; returns the external port.
    pub(crate) fn port(&mut self, from: &str, to: &str) -> u16 {
        let source = self.out(from, to).unwrap();
        assert_eq!(source.ip, ip(EXTERNAL));
        source.port
    }

    /// Sends a UDP packet from outside to an external port; returns who inside gets it.
    pub(crate) fn back(&mut self, from: &str, port: u16) -> Result<Endpoint, DropReason> {
        self.back_from(ep(from), port)
    }

    pub(crate) fn back_from(&mut self, from: Endpoint, port: u16) -> Result<Endpoint, DropReason> {
        self.back_to(from, Endpoint::new(ip(EXTERNAL), port))
    }

    /// Sends a UDP packet from outside to an external endpoint; returns who inside gets it.
    pub(crate) fn back_to(
        &mut self,
        from: Endpoint,
        external: Endpoint,
    ) -> Result<Endpoint, DropReason> {
        let mut packet = udp(from, external);
        self.receive(&mut packet)?;
        assert_eq!(packet.source_endpoint(), Some(from), "only the destination is translated");
        Ok(packet.destination_endpoint().unwrap())
    }
}

/// The `n` addresses from [`EXTERNAL`] on.
pub(crate) fn externals(n: u8) -> Vec<IpAddr> {
    (1..=n).map(|last| [198, 18, 0, last].into()).collect()
}

pub(crate) const fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn ep(text: &str) -> Endpoint {
    text.parse::<std::net::SocketAddr>().unwrap().into()
}

pub(crate) fn udp(from: Endpoint, to: Endpoint) -> Packet {
    Packet::udp(from, to, Bytes::from_static(b"natbed"))
}

pub(crate) fn tcp(from: Endpoint, to: Endpoint) -> Packet {
    let tcp = Tcp {
        source_port: from.port,
        destination_port: to.port,
        sequence: 1,
        acknowledgment: 0,
        flags: TcpFlags::SYN,
        window: 65_535,
        urgent: 0,
        options: Bytes::new(),
        payload: Bytes::new(),
    };
    packet(from.ip, to.ip, Body::Tcp(Box::new(tcp)))
}

pub(crate) fn echo_request(from: &str, to: &str, identifier: u16) -> Packet {
    let payload = Bytes::from_static(b"ping");
    let echo = Icmp::EchoRequest { identifier, sequence: 1, payload };
    packet(ip(from), ip(to), Body::Icmp(echo))
}

pub(crate) fn echo_reply(from: &str, to: &str, identifier: u16) -> Packet {
    let payload = Bytes::from_static(b"ping");
    let echo = Icmp::EchoReply { identifier, sequence: 1, payload };
    packet(ip(from), ip(to), Body::Icmp(echo))
}

/// The error that `from` sends about a UDP packet from `source` to `destination`, as `from` saw it.
pub(crate) fn error(
    from: &str,
    kind: IcmpErrorKind,
    source: Endpoint,
    destination: Endpoint,
) -> Packet {
    let quoted = Quoted { protocol: Protocol::Udp, source, destination };
    packet(ip(from), source.ip, Body::Icmp(Icmp::Error { kind, quoted: Box::new(quoted) }))
}

pub(crate) fn packet(source: IpAddr, destination: IpAddr, body: Body) -> Packet {
    Packet::new(source, destination, body)
}

/// What an ICMP error quotes.
pub(crate) fn quoted(packet: &Packet) -> (IcmpErrorKind, Quoted) {
    match &packet.body {
        Body::Icmp(Icmp::Error { kind, quoted }) => (*kind, **quoted),
        other => panic!("not an error: {other:?}"),
    }
}

/// A TCP segment with these flags.
pub(crate) fn segment(from: Endpoint, to: Endpoint, flags: TcpFlags) -> Packet {
    let mut packet = tcp(from, to);
    if let Body::Tcp(tcp) = &mut packet.body {
        tcp.flags = flags;
    }
    packet
}
