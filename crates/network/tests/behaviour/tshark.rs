//! Captures as Wireshark's `tshark` reads them.

use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;
use natbed_nat::Action;
use natbed_network::{Attachment, HostConfig};
use natbed_packet::{Body, DropReason, Packet};

use crate::capture::{bytes, record};
use crate::world::{
    World, echo_reply, echo_request, ep, firewall, gateway, host, ms, syn, udp, with_ttl,
};

/// Runs tshark on the file and returns its lines; `None` if there is none and none is required.
fn tshark(file: &PathBuf, arguments: &[&str]) -> Option<Vec<String>> {
    let checks = ["ip", "udp", "tcp"].map(|protocol| format!("{protocol}.check_checksum:TRUE"));
    let mut command = Command::new("tshark");
    for check in &checks {
        command.args(["-o", check]);
    }
    let output = match command.arg("-n").arg("-r").arg(file).args(arguments).output() {
        Ok(output) => output,
        Err(error) => {
            let is_required =
                std::env::var_os("NATBED_REQUIRE_PEERS").is_some_and(|value| value == "1");
            assert!(!is_required, "NATBED_REQUIRE_PEERS=1, but tshark does not run: {error}");
            println!("skipped: tshark does not run: {error}");
            return None;
        }
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {errors}");
    assert!(!errors.contains("damaged") && !errors.contains("cut short"), "tshark: {errors}");
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

/// Traffic of every kind that packets know, in both IP versions, with losses.
fn traffic() -> Vec<u8> {
    let mut world = World::observed(None);
    world.internet(ms(5));
    let lan = world.lan("lan", "192.168.1.0/24");
    world.add_gateway(gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1"));
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let server = world.public_host("server", "203.0.113.10");
    let carol = world.public_host("carol", "2001:db8::1");
    let dave = host("dave", Attachment::Internet, "2001:db8::2");
    let guard = Some(firewall(Action::Allow, Action::Reject));
    let dave = world.add_host(HostConfig { firewall: guard, ..dave });
    record(&mut world);

    for (client, own, other, service) in [
        (alice, "192.168.1.2:5000", "203.0.113.10:7000", server),
        (dave, "[2001:db8::2]:5000", "[2001:db8::1]:7000", carol),
    ] {
        let (own_ip, other_ip) = (ep(own).ip.to_string(), ep(other).ip.to_string());
        for length in [0, 1, 1200, 1201] {
            let payload = Bytes::from(vec![0x5a; length]);
            world.send(client, Packet::udp(ep(own), ep(other), payload));
            let arrival = world.only_arrival();
            world.answer(&arrival);
            world.only_arrival();
        }
        world.send(client, syn(own, other));
        world.only_arrival();
        world.send(client, echo_request(&own_ip, &other_ip, 77));
        let request = world.only_arrival().delivery.packet;
        world.send(service, echo_reply(&request));
        world.only_arrival();
        for closed in [udp(ep(own), ep(other), b"natbed"), echo_request(&own_ip, &other_ip, 78)] {
            world.send(client, closed);
            let arrival = world.only_arrival();
            world.network.reject(world.now, arrival.delivery, DropReason::PortClosed);
            world.only_arrival();
        }
        world.losses();
    }
    // Hops that run out, a refusal, silence, and a packet that nobody may send.
    world.send(alice, with_ttl(udp(ep("192.168.1.2:5000"), ep("203.0.113.10:7000"), b""), 1));
    world.datagram(carol, 1, "[2001:db8::2]:9999");
    world.datagram(server, 1, "198.51.100.1:9999");
    world.send(alice, udp(ep("192.168.1.99:5000"), ep("203.0.113.10:7000"), b""));
    assert_eq!(world.settle().len(), 2);
    assert_eq!(world.losses().len(), 4);
    bytes(world)
}

#[test]
fn tshark_finds_nothing_malformed_and_all_that_was_written() {
    let capture = traffic();
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("natbed-network-capture.pcapng");
    std::fs::write(&file, &capture).unwrap();

    let suspicious = "_ws.malformed || _ws.short || ip.checksum.status == Bad \
                      || udp.checksum.status == Bad || tcp.checksum.status == Bad \
                      || icmp.checksum.status == Bad || icmpv6.checksum.status == Bad";
    let Some(malformed) = tshark(&file, &["-Y", suspicious]) else { return };
    assert_eq!(malformed, [""; 0]);

    let fields = ["-T", "fields", "-E", "separator=|", "-E", "occurrence=f"];
    let columns = ["-e", "frame.interface_name", "-e", "frame.protocols", "-e", "frame.comment"];
    let Some(rows) = tshark(&file, &[fields.as_slice(), columns.as_slice()].concat()) else {
        return;
    };
    let read = crate::pcapng::File::read(&capture);
    assert_eq!(rows.len(), read.packets.len());
    for (row, packet) in rows.iter().zip(&read.packets) {
        let [interface, protocols, comment] = row.split('|').collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        assert_eq!(interface, read.interfaces[packet.interface].name);
        assert_eq!(comment, packet.comment.as_deref().unwrap_or(""));
        let expected = match (&packet.packet.body, packet.packet.source.is_ipv4()) {
            (Body::Udp(_), true) => "raw:ip:udp",
            (Body::Udp(_), false) => "raw:ipv6:udp",
            (Body::Tcp(_), true) => "raw:ip:tcp",
            (Body::Tcp(_), false) => "raw:ipv6:tcp",
            (Body::Icmp(_), true) => "raw:ip:icmp",
            (Body::Icmp(_), false) => "raw:ipv6:icmpv6",
            (Body::Fragment(_), _) => panic!("nothing here is cut"),
        };
        assert!(protocols.starts_with(expected), "{row}");
    }
    let with = |word: &str| rows.iter().filter(|row| row.contains(word)).count();
    assert_eq!(with("dropped: "), 4);
    assert_eq!(with("refused: "), 4);
    assert!(with("(new mapping)") >= 3, "UDP, TCP and ICMP");
}
