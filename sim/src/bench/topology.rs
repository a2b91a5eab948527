//! The networks that are measured.

use std::net::{IpAddr, Ipv4Addr};

use natbed_nat::{Filtering, Mapping, NatConfig};
use natbed_network::observe::PayloadTag;
use natbed_network::{
    Attachment, GatewayConfig, HostConfig, HostId, InterfaceConfig, InternetConfig, LanConfig,
    Limits, LinkConfig, Network, PipeConfig, TopologyError,
};
use natbed_packet::Endpoint;
use natbed_units::{Seed, SimDuration};

use crate::observers::Observers;

/// Bytes of payload in every datagram that is measured.
pub(super) const PAYLOAD_BYTES: usize = 1_200;
/// One way through the four links of [`two_nats`], or the one link of [`direct`].
pub(super) const PATH_DELAY: SimDuration = SimDuration::from_millis(8);

/// A sender, a receiver, and where to send.
pub(super) struct Pair {
    pub(super) network: Network,
    pub(super) sender: HostId,
    pub(super) receiver: HostId,
    /// The sender's own address.
    pub(super) sender_address: Endpoint,
    /// The receiver's own address.
    pub(super) receiver_address: Endpoint,
    /// What the receiver is known by: its external address if it is behind a NAT.
    pub(super) target: Endpoint,
}

const PORT: u16 = 40_000;

fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

fn delayed(delay: SimDuration) -> LinkConfig {
    LinkConfig::symmetric(PipeConfig::with_delay(delay))
}

/// Host, NAT, core, NAT, host: four links, each a quarter of the way.
///
/// The receiver's NAT forwards its port, so that the sender needs no answer to learn it; both NATs
/// look up and rewrite every datagram as usual.
pub(super) fn two_nats() -> Result<Pair, TopologyError> {
    two_nats_with(&delayed(PATH_DELAY / 4))
}

/// The same with such uplinks of both homes.
pub(super) fn two_nats_with(uplink: &LinkConfig) -> Result<Pair, TopologyError> {
    let mut network = Network::new(Seed::new(1), Limits::default(), ());
    network.set_internet(InternetConfig { delay: SimDuration::ZERO });
    let mut home = |name: &str, third: u8, forwards| {
        let lan = network.add_lan(LanConfig {
            name: name.to_owned(),
            subnet: ipnet::IpNet::new_assert(v4(192, 168, third, 0), 24),
            second_subnet: None,
            isolate: false,
        });
        network.add_gateway(GatewayConfig {
            name: name.to_owned(),
            lan,
            inside: v4(192, 168, third, 1),
            upstream: Attachment::Internet,
            outside: v4(198, 18, 0, third),
            uplink: uplink.clone(),
            pool: Vec::new(),
            translator: Some(
                NatConfig {
                    filtering: Filtering::EndpointIndependent,
                    forwards,
                    ..NatConfig::default()
                }
                .into(),
            ),
            firewall: None,
            icmp_errors: true,
            beside: None,
        })?;
        let address = v4(192, 168, third, 10);
        network.add_host(HostConfig {
            name: name.to_owned(),
            interfaces: vec![InterfaceConfig {
                address,
                attachment: Attachment::Lan(lan),
                link: delayed(PATH_DELAY / 4),
            }],
            firewall: None,
        })
    };
    let sender = home("sender", 1, Vec::new())?;
    let receiver_address = Endpoint::new(v4(192, 168, 2, 10), PORT);
    let receiver = home(
        "receiver",
        2,
        [natbed_packet::Protocol::Udp, natbed_packet::Protocol::Tcp]
            .map(|protocol| natbed_nat::Forward {
                protocol,
                external_port: PORT,
                internal: receiver_address.into(),
            })
            .into(),
    )?;
    Ok(Pair {
        network,
        sender,
        receiver,
        sender_address: Endpoint::new(v4(192, 168, 1, 10), PORT),
        receiver_address,
        target: Endpoint::new(v4(198, 18, 0, 2), PORT),
    })
}

/// Two hosts on one LAN with one delayed link between them.
pub(super) fn direct() -> Result<Pair, TopologyError> {
    let mut network = Network::new(Seed::new(1), Limits::default(), ());
    let lan = network.add_lan(LanConfig {
        name: "lan".to_owned(),
        subnet: ipnet::IpNet::new_assert(v4(10, 0, 0, 0), 24),
        second_subnet: None,
        isolate: false,
    });
    let mut host = |last: u8, link| {
        network.add_host(HostConfig {
            name: format!("host-{last}"),
            interfaces: vec![InterfaceConfig {
                address: v4(10, 0, 0, last),
                attachment: Attachment::Lan(lan),
                link,
            }],
            firewall: None,
        })
    };
    let sender = host(1, LinkConfig::IDEAL)?;
    let receiver = host(2, delayed(PATH_DELAY))?;
    let receiver_address = Endpoint::new(v4(10, 0, 0, 2), PORT);
    Ok(Pair {
        network,
        sender,
        receiver,
        sender_address: Endpoint::new(v4(10, 0, 0, 1), PORT),
        receiver_address,
        target: receiver_address,
    })
}

/// `count` public hosts with delayed links; each knows its address by its number.
pub(super) fn many_hosts(count: u32) -> Result<(Network, Vec<HostId>), TopologyError> {
    let mut network = Network::new(Seed::new(1), Limits::default(), ());
    network.set_internet(InternetConfig { delay: SimDuration::ZERO });
    let hosts = (0..count)
        .map(|number| {
            network.add_host(HostConfig {
                name: format!("host-{number}"),
                interfaces: vec![InterfaceConfig {
                    address: public_address(number),
                    attachment: Attachment::Internet,
                    link: delayed(PATH_DELAY / 2),
                }],
                firewall: None,
            })
        })
        .collect::<Result<_, _>>()?;
    Ok((network, hosts))
}

/// The address of host `number` of [`many_hosts`], out of 45.0.0.0/8.
pub(super) fn public_address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits((45 << 24) + number))
}

/// Pairs of peers, each at home behind a NAT of its own, and a public server.
pub(super) struct Homes {
    /// Watched as the networks of scenarios are.
    pub(super) network: Network<Observers>,
    pub(super) server: HostId,
    pub(super) pairs: Vec<[HostId; 2]>,
}

/// `count` pairs behind NATs that map as `mapping` says and filter by address and port.
pub(super) fn homes(count: u32, mapping: Mapping) -> Result<Homes, TopologyError> {
    const CORE: SimDuration = SimDuration::from_millis(10);
    const UPLINK: SimDuration = SimDuration::from_nanos(5_004_321);
    const LAN_HOP: SimDuration = SimDuration::from_micros(200);
    let mut network = Network::new(Seed::new(1), Limits::default(), Observers::default());
    network.set_internet(InternetConfig { delay: CORE });
    let server = network.add_host(HostConfig {
        name: "server".to_owned(),
        interfaces: vec![InterfaceConfig {
            address: v4(198, 51, 100, 1),
            attachment: Attachment::Internet,
            link: delayed(UPLINK),
        }],
        firewall: None,
    })?;
    let mut home = |number: u32| {
        let name = format!("home-{number}");
        let [_, _, high, low] = number.to_be_bytes();
        let lan = network.add_lan(LanConfig {
            name: name.clone(),
            subnet: ipnet::IpNet::new_assert(v4(10, high, low, 0), 24),
            second_subnet: None,
            isolate: false,
        });
        network.add_gateway(GatewayConfig {
            name: name.clone(),
            lan,
            inside: v4(10, high, low, 1),
            upstream: Attachment::Internet,
            outside: v4(45, 0, high, low),
            uplink: delayed(UPLINK),
            pool: Vec::new(),
            translator: Some(NatConfig { mapping, ..NatConfig::default() }.into()),
            firewall: None,
            icmp_errors: true,
            beside: None,
        })?;
        network.add_host(HostConfig {
            name,
            interfaces: vec![InterfaceConfig {
                address: v4(10, high, low, 10),
                attachment: Attachment::Lan(lan),
                link: delayed(LAN_HOP),
            }],
            firewall: None,
        })
    };
    let pairs: Vec<[HostId; 2]> = (0..count)
        .map(|pair| Ok([home(2 * pair)?, home(2 * pair + 1)?]))
        .collect::<Result<_, TopologyError>>()?;
    for (number, pair) in (0_u32..).zip(&pairs) {
        network.observer_mut().witness.watch(PayloadTag::new(number), *pair);
    }
    Ok(Homes { network, server, pairs })
}
