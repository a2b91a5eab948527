//! Sockets hear what goes to groups and to all.
#![allow(clippy::unwrap_used)] // a test

mod common;

use std::io;
use std::net::IpAddr;

use common::{at, ip, ms};
use natbed_network::observe::Counters;
use natbed_network::{
    Attachment, HostConfig, HostId, InterfaceConfig, LanConfig, Limits as NetworkLimits,
    LinkConfig, Network, PipeConfig,
};
use natbed_runtime::{Limits, World, run_on_fresh_thread};
use natbed_units::{Seed, SimDuration};

const GROUP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(239, 192, 0, 1));

/// Two hosts on a LAN, 10.0.0.1 and 10.0.0.2, a millisecond apart.
fn neighbours() -> (World<Counters>, [HostId; 2]) {
    let mut network = Network::new(Seed::new(1), NetworkLimits::default(), Counters::default());
    let subnet = "10.0.0.0/24".parse().unwrap();
    let lan = network.add_lan(LanConfig {
        name: "lan".to_owned(),
        subnet,
        second_subnet: None,
        isolate: false,
    });
    let hosts = ["10.0.0.1", "10.0.0.2"].map(|address| {
        let up = PipeConfig::with_delay(SimDuration::from_millis(1));
        let link = LinkConfig { up, down: PipeConfig::IDEAL };
        let attachment = Attachment::Lan(lan);
        let interfaces = vec![InterfaceConfig { address: ip(address), attachment, link }];
        let config = HostConfig { name: address.to_owned(), interfaces, firewall: None };
        network.add_host(config).unwrap()
    });
    (World::new(network, Seed::new(1), Limits::default()), hosts)
}

fn errno(result: io::Result<()>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

/// As OpenDHT nodes find each other: everybody is in the group, the sender hears itself.
#[test]
fn sockets_bound_to_the_port_hear_the_groups_of_their_host() {
    let heard = run_on_fresh_thread(Seed::new(1), || {
        let (mut world, [a, b]) = neighbours();
        let (a, b, handle) = (world.host(a), world.host(b), world.handle());
        let main = async move {
            let sender = a.bind_udp_at(at("0.0.0.0", 8888)).unwrap();
            let anywhere = b.bind_udp_at(at("0.0.0.0", 8888)).unwrap();
            let somewhere = b.bind_udp(8889).unwrap();
            sender.join_multicast(GROUP).unwrap();
            anywhere.join_multicast(GROUP).unwrap();
            for port in [8888, 8889, 8890] {
                sender.send_to(b"hello", (GROUP, port).into()).unwrap();
            }
            handle.sleep_until(ms(2)).await;
            [&sender, &anywhere, &somewhere].map(|socket| {
                let datagram = socket.try_recv().unwrap().unwrap();
                assert_eq!(socket.try_recv().unwrap(), None);
                assert_eq!(datagram.local.ip, GROUP);
                (datagram.remote.into(), datagram.local.port)
            })
        };
        world.run_async(main).unwrap().output.unwrap()
    });
    let from = at("10.0.0.1", 8888);
    assert_eq!(heard, Ok([(from, 8888), (from, 8888), (from, 8889)]));
}

#[test]
fn a_group_is_heard_until_its_last_socket_has_left() {
    let heard = run_on_fresh_thread(Seed::new(1), || {
        let (mut world, [a, b]) = neighbours();
        let (a, b, handle) = (world.host(a), world.host(b), world.handle());
        let main = async move {
            let sender = a.bind_udp(0).unwrap();
            let (first, second) = (b.bind_udp(8888).unwrap(), b.bind_udp(9).unwrap());
            first.join_multicast(GROUP).unwrap();
            second.join_multicast(GROUP).unwrap();
            let mut heard = Vec::new();
            for step in 0..4 {
                sender.send_to(b"hello", (GROUP, 8888).into()).unwrap();
                handle.sleep(SimDuration::from_millis(2)).await;
                heard.push(first.try_recv().unwrap().is_some());
                match step {
                    0 => first.leave_multicast(GROUP).unwrap(),
                    1 => second.close(),
                    2 => first.join_multicast(GROUP).unwrap(),
                    _ => {}
                }
            }
            heard
        };
        world.run_async(main).unwrap().output.unwrap()
    });
    assert_eq!(heard, Ok(vec![true, true, false, true]));
}

#[test]
fn broadcasts_reach_every_socket_at_the_port_and_closed_ports_stay_silent() {
    let outcome = run_on_fresh_thread(Seed::new(1), || {
        let (mut world, [a, b]) = neighbours();
        let (a, b, handle) = (world.host(a), world.host(b), world.handle());
        let main = async move {
            let sender = a.bind_udp(0).unwrap();
            let receiver = b.bind_udp(9).unwrap();
            for to in ["255.255.255.255", "10.0.0.255"] {
                sender.send_to(b"hello", at(to, 9)).unwrap();
                sender.send_to(b"hello", at(to, 10)).unwrap();
            }
            handle.sleep_until(ms(5)).await;
            std::iter::from_fn(|| receiver.try_recv().unwrap()).count()
        };
        let heard = world.run_async(main).unwrap().output.unwrap();
        (heard, world.network().observer().sent())
    });
    assert_eq!(outcome, Ok((2, 4)), "and no errors were sent");
}

#[test]
fn what_cannot_be_joined_or_left_is_an_error() {
    let codes = run_on_fresh_thread(Seed::new(1), || {
        let (mut world, [a, _]) = neighbours();
        let a = world.host(a);
        let main = async move {
            let socket = a.bind_udp(9).unwrap();
            let join = |group: &str| socket.join_multicast(ip(group));
            let not_a_group = errno(join("10.0.0.2"));
            let other_version = errno(join("ff02::fb"));
            let not_joined = errno(socket.leave_multicast(GROUP));
            socket.join_multicast(GROUP).unwrap();
            let again = errno(socket.join_multicast(GROUP));
            for n in 1..64 {
                socket.join_multicast([239, 0, 0, n].into()).unwrap();
            }
            let too_many = errno(join("239.0.1.1"));
            socket.close();
            let closed = errno(join("239.0.0.1"));
            [not_a_group, other_version, not_joined, again, too_many, closed]
        };
        world.run_async(main).unwrap().output.unwrap()
    });
    let expected = [
        libc::EINVAL,
        libc::EINVAL,
        libc::EADDRNOTAVAIL,
        libc::EADDRINUSE,
        libc::ENOBUFS,
        libc::EBADF,
    ];
    assert_eq!(codes, Ok(expected));
}
