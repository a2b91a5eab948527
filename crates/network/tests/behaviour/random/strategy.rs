//! How plans are drawn.

use natbed_nat::{
    Action, Filtering, FirewallConfig, Fragments, Hairpin, Mapping, NatConfig, PortAllocation,
    UnsolicitedTcp, WanInput,
};
use natbed_network::{LinkConfig, PipeConfig};
use natbed_packet::DropReason;
use natbed_units::{ByteCount, Rate, SimDuration};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Act, GatewayPlan, HostPlan, LanPlan, Plan, Shape, Target};
use crate::world::firewall;

fn span() -> impl Strategy<Value = SimDuration> {
    prop_oneof![
        2 => Just(SimDuration::ZERO),
        3 => (1_u64..50_000_000).prop_map(SimDuration::from_nanos),
        1 => (1_u64..400).prop_map(SimDuration::from_secs),
    ]
}

fn pipe() -> impl Strategy<Value = PipeConfig> {
    let delay = (0_u64..20_000_000).prop_map(SimDuration::from_nanos);
    let rate = (1_u64..50_000_000).prop_map(Rate::from_bits_per_second);
    let limited = (rate, delay.clone(), 2_000_u64..10_000)
        .prop_map(|(rate, delay, queue)| PipeConfig::with_rate(rate, delay, ByteCount::new(queue)));
    let mtu = option::weighted(0.3, (200_u64..2000).prop_map(ByteCount::new));
    let pipe =
        prop_oneof![Just(PipeConfig::IDEAL), delay.prop_map(PipeConfig::with_delay), limited];
    (pipe, mtu).prop_map(|(pipe, mtu)| PipeConfig { mtu, ..pipe })
}

fn link() -> impl Strategy<Value = LinkConfig> {
    (pipe(), pipe()).prop_map(|(up, down)| LinkConfig { up, down })
}

/// Few ports, so that they clash.
fn port() -> impl Strategy<Value = u16> {
    prop_oneof![5000_u16..5004, 0_u16..=65535]
}

fn nat() -> impl Strategy<Value = NatConfig> {
    let behaviour = (
        select(Mapping::ALL),
        select(Filtering::ALL),
        select(PortAllocation::ALL),
        select(Hairpin::ALL),
        select(WanInput::ALL),
        select(vec![Fragments::AnyOrder, Fragments::InOrder, Fragments::Drop]),
        select(vec![
            UnsolicitedTcp::WanInput,
            UnsolicitedTcp::Drop,
            UnsolicitedTcp::Reject,
            UnsolicitedTcp::Reset,
            UnsolicitedTcp::Delay,
        ]),
    );
    let timeout = || (1_u64..60_000_000_000).prop_map(SimDuration::from_nanos);
    let timers = (timeout(), timeout(), span(), timeout());
    (behaviour, timers, any::<bool>(), any::<bool>(), 1_u32..40).prop_map(
        |(behaviour, timers, refresh_outbound, refresh_inbound, max_flows)| {
            let (mapping, filtering, ports, hairpin, wan_input, fragments, unsolicited_tcp) =
                behaviour;
            // Strict ports leave nothing else to choose.
            let mapping = match ports {
                PortAllocation::Strict => Mapping::EndpointIndependent,
                _ => mapping,
            };
            let (udp_timeout, udp_stream_timeout, udp_stream_after, icmp_timeout) = timers;
            NatConfig {
                mapping,
                filtering,
                ports,
                hairpin,
                wan_input,
                fragments,
                unsolicited_tcp,
                udp_timeout,
                udp_stream_timeout,
                udp_stream_after,
                icmp_timeout,
                refresh_outbound,
                refresh_inbound,
                max_flows,
                ..NatConfig::default()
            }
        },
    )
}

fn guard() -> impl Strategy<Value = FirewallConfig> {
    (select(Action::ALL), select(Action::ALL), 1_u32..20)
        .prop_map(|(out, into, max_flows)| FirewallConfig { max_flows, ..firewall(out, into) })
}

fn lan() -> impl Strategy<Value = LanPlan> {
    let gateway =
        (0_usize..6, link(), option::weighted(0.8, nat()), option::weighted(0.3, guard()))
            .prop_map(|(upstream, uplink, nat, firewall)| GatewayPlan {
                upstream,
                uplink,
                nat,
                firewall,
            });
    (prop::bool::weighted(0.2), option::weighted(0.9, gateway))
        .prop_map(|(isolate, gateway)| LanPlan { isolate, gateway })
}

fn host() -> impl Strategy<Value = HostPlan> {
    (vec((0_usize..6, link()), 1..3), option::weighted(0.2, guard()))
        .prop_map(|(homes, firewall)| HostPlan { homes, firewall })
}

fn act() -> impl Strategy<Value = Act> {
    let strange = select(vec![
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.251",
        "255.255.255.255",
        "239.192.0.1",
        "10.0.0.255",
        "10.0.0.99",
        "203.0.113.9",
        "::",
        "::1",
        "ff02::fb",
        "fd00::99",
        "2001:db8::ffff",
    ]);
    let target = prop_oneof![
        4 => (any::<usize>(), port()).prop_map(|(n, port)| Target::Host(n, port)),
        3 => (any::<usize>(), port()).prop_map(|(n, port)| Target::Gateway(n, port)),
        3 => any::<usize>().prop_map(Target::Seen),
        2 => strange.prop_map(Target::Strange),
    ];
    let shape = select(vec![Shape::Udp, Shape::Udp, Shape::Tcp, Shape::Ping]);
    let ttl = prop_oneof![3 => Just(64_u8), 1 => any::<u8>(), 1 => 0_u8..6];
    let length = prop_oneof![18 => 0_usize..1500, 6 => 0_usize..4000, 1 => 0_usize..70_000];
    let send = (any::<usize>(), port(), target, shape, ttl, length, any::<bool>()).prop_map(
        |(from, port, to, shape, ttl, length, dont_fragment)| Act::Send {
            from,
            port,
            to,
            shape,
            ttl,
            length,
            dont_fragment,
        },
    );
    let group = select(vec!["224.0.0.251", "239.192.0.1", "ff02::fb"]);
    prop_oneof![
        12 => send,
        6 => any::<usize>().prop_map(Act::Answer),
        2 => (any::<usize>(), select(DropReason::ALL)).prop_map(|(n, why)| Act::Reject(n, why)),
        8 => span().prop_map(Act::Wait),
        1 => (any::<usize>(), prop::bool::weighted(0.3)).prop_map(|(n, is)| Act::Cut(n, is)),
        1 => (any::<usize>(), prop::bool::weighted(0.2)).prop_map(|(n, is)| Act::Stop(n, is)),
        1 => any::<usize>().prop_map(Act::Flush),
        1 => any::<usize>().prop_map(Act::Reboot),
        1 => (any::<usize>(), prop::bool::weighted(0.2)).prop_map(|(n, is)| Act::Power(n, is)),
        1 => any::<usize>().prop_map(Act::Readdress),
        2 => (any::<usize>(), group, any::<bool>()).prop_map(|(n, g, j)| Act::Join(n, g, j)),
        1 => (any::<usize>(), any::<usize>(), link()).prop_map(|(n, to, l)| Act::Roam(n, to, l.into())),
    ]
}

/// Every kind of node and link, up to five LANs deep, and up to a hundred things that happen.
pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let limit = prop_oneof![4 => Just(usize::MAX), 1 => 0_usize..10];
    (
        prop::bool::weighted(0.2),
        limit,
        span(),
        vec(lan(), 0..6),
        vec(host(), 1..6),
        vec(act(), 0..100),
    )
        .prop_map(|(is_ipv6, limit, core_delay, lans, hosts, acts)| Plan {
            is_ipv6,
            limit,
            core_delay,
            lans,
            hosts,
            acts,
        })
}
