//! A call to watch: Alice behind a NAT, Bob and two relays on the Internet, and payload in all the
//! forms it has on the wire.

use bytes::Bytes;
use natbed_nat::NatConfig;
use natbed_network::observe::PayloadTag;
use natbed_network::{Attachment, GatewayConfig, HostId, Observer, RouterId};
use natbed_packet::{Body, Endpoint, Packet, Tcp, TcpFlags};
use natbed_units::SimTime;

use crate::world::{World, delays, ep, gateway, host, ip, keeps_ports, linked, ms};

pub(crate) const CALL: PayloadTag = PayloadTag::new(7);

pub(crate) const ALICE: &str = "192.168.1.2";
pub(crate) const HOME: &str = "198.51.100.1";
pub(crate) const BOB: &str = "203.0.113.2";
pub(crate) const RELAY: &str = "203.0.113.10";
pub(crate) const SECOND_RELAY: &str = "203.0.113.11";

/// Alice's link takes 3 ms each way, Bob's 5 ms, all else no time.
pub(crate) struct Call<O> {
    pub(crate) world: World<O>,
    pub(crate) home: RouterId,
    pub(crate) alice: HostId,
    pub(crate) bob: HostId,
    pub(crate) relay: HostId,
    pub(crate) second_relay: HostId,
}

impl<O: Observer> Call<O> {
    pub(crate) fn new(observer: O) -> Self {
        Self::behind(keeps_ports(), observer)
    }

    /// With another NAT before Alice.
    pub(crate) fn behind(nat: NatConfig, observer: O) -> Self {
        let mut world = World::observed(observer);
        world.internet(ms(0));
        let lan = world.lan("home", "192.168.1.0/24");
        let home = gateway("home", lan, "192.168.1.1", Attachment::Internet, HOME);
        let home = world.add_gateway(GatewayConfig { translator: Some(nat.into()), ..home });
        let alice = host("alice", Attachment::Lan(lan), ALICE);
        let alice = world.add_host(linked(alice, delays(ms(3), ms(3))));
        let bob = host("bob", Attachment::Internet, BOB);
        let bob = world.add_host(linked(bob, delays(ms(5), ms(5))));
        let relay = world.public_host("relay", RELAY);
        let second_relay = world.public_host("second-relay", SECOND_RELAY);
        Self { world, home, alice, bob, relay, second_relay }
    }

    pub(crate) fn peers(&self) -> [HostId; 2] {
        [self.alice, self.bob]
    }

    pub(crate) fn observer(&mut self) -> &mut O {
        &mut self.world.network.observer_mut().1
    }

    /// Sends a datagram, which then is on its way.
    pub(crate) fn send(&mut self, from: HostId, port: u16, to: &str, payload: Vec<u8>) {
        let to = ep(to);
        let own = self.world.network.addresses(from).find(|own| own.is_ipv4() == to.ip.is_ipv4());
        let source = Endpoint::new(own.unwrap(), port);
        self.world.send(from, Packet::udp(source, to, Bytes::from(payload)));
    }

    /// Sends a datagram, which must arrive.
    pub(crate) fn deliver(&mut self, from: HostId, port: u16, to: &str, payload: Vec<u8>) {
        self.send(from, port, to, payload);
        assert_eq!(self.world.settle().len(), 1, "lost: {:?}", self.world.losses());
    }

    /// Payload with the time of sending and so many bytes of the transport's.
    pub(crate) fn payload(&self, transport: usize) -> Vec<u8> {
        stamped(self.world.now, transport)
    }
}

pub(crate) fn stamped(sent: SimTime, transport: usize) -> Vec<u8> {
    let mut payload = CALL.as_bytes().to_vec();
    payload.extend(sent.as_nanos().to_be_bytes());
    payload.resize(16 + transport, 0x55);
    payload
}

/// ChannelData (RFC 8656 section 12.4), padded as over TCP if asked.
pub(crate) fn channel_data(payload: &[u8], padding: usize) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    let mut frame = [&[0x40, 0x01, length[0], length[1]], payload].concat();
    frame.resize(frame.len() + padding, 0);
    frame
}

pub(crate) const SEND: u16 = 0x0016;
pub(crate) const DATA: u16 = 0x0017;
pub(crate) const XOR_PEER_ADDRESS: u16 = 0x0012;
pub(crate) const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// A STUN message with a transaction id of zeros (RFC 8489 section 5).
pub(crate) fn stun(kind: u16, attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend((value.len() as u16).to_be_bytes());
        body.extend(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut message = kind.to_be_bytes().to_vec();
    message.extend((body.len() as u16).to_be_bytes());
    message.extend([0x21, 0x12, 0xa4, 0x42]);
    message.extend([0; 12]);
    message.extend(body);
    message
}

/// The value of an address attribute of such a message, port 9.
pub(crate) fn xor_address(address: &str) -> Vec<u8> {
    let mask = [0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let (family, octets) = match ip(address) {
        std::net::IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        std::net::IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let masked = octets.iter().zip(mask).map(|(octet, mask)| octet ^ mask);
    [0, family, 0x21, 0x1b].into_iter().chain(masked).collect()
}

/// A Send or a Data indication (RFC 8656 section 11): 20 bytes of header, 12 of peer address, 4 of
/// attribute header, the data, padding.
pub(crate) fn indication(kind: u16, payload: &[u8]) -> Vec<u8> {
    stun(kind, &[(XOR_PEER_ADDRESS, xor_address(BOB)), (0x0013, payload.to_vec())])
}

/// A TCP segment.
pub(crate) fn segment(
    from: &str,
    to: &str,
    flags: TcpFlags,
    options: usize,
    length: usize,
) -> Packet {
    let (from, to) = (ep(from), ep(to));
    let tcp = Tcp {
        source_port: from.port,
        destination_port: to.port,
        sequence: 1,
        acknowledgment: 0,
        flags,
        window: 65_535,
        urgent: 0,
        options: Bytes::from(vec![1; options]),
        payload: Bytes::from(vec![0; length]),
    };
    let carrier = Packet::udp(from, to, Bytes::new());
    Packet { body: Body::Tcp(Box::new(tcp)), ..carrier }
}
