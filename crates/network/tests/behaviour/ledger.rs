//! Who saw whose address, and whose payload.

use std::net::IpAddr;

use natbed_network::Network;
use natbed_network::observe::Ledger;
use natbed_network::observe::ledger::{LedgerNode, LedgerRow, SEEN_MAX};
use natbed_network::{Attachment, HostId, InterfaceConfig, LinkConfig, Observer};
use natbed_packet::TcpFlags;

use crate::call::{
    ALICE, BOB, CALL, Call, DATA, HOME, RELAY, SECOND_RELAY, SEND, XOR_MAPPED_ADDRESS,
    XOR_PEER_ADDRESS, channel_data, indication, segment, stun, xor_address,
};
use crate::world::{World, gateway, host, ip};

const CREATE_PERMISSION: u16 = 0x0008;
const CHANNEL_BIND: u16 = 0x0009;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_RESPONSE: u16 = 0x0101;

/// A call whose only server is the first relay.
fn call() -> Call<Ledger> {
    let mut call = Call::new(Ledger::default());
    let (peers, relay) = (call.peers(), call.relay);
    for peer in peers {
        for address in call.world.network.seen_under(peer) {
            call.observer().know(peer, address);
        }
    }
    call.observer().watch(CALL, peers, &[relay]);
    call
}

impl Call<Ledger> {
    fn rows(&self) -> Vec<LedgerRow> {
        self.world.network.observer().1.rows(CALL)
    }

    fn row(&self, node: LedgerNode) -> LedgerRow {
        let rows = self.rows();
        rows.into_iter().find(|row| row.node == node).unwrap()
    }

    /// What a node knows of Alice and of Bob, each address with `p` for packets, `m` for messages
    /// and `t` for what was told.
    fn known(&self, node: LedgerNode) -> [Vec<String>; 2] {
        let row = self.row(node);
        assert_eq!([row.saw[0].0, row.saw[1].0], self.peers());
        row.saw.map(|(_, seen)| {
            seen.iter()
                .map(|seen| {
                    let how =
                        [(seen.by_packet, 'p'), (seen.by_message, 'm'), (seen.told_outside, 't')];
                    let how: String =
                        how.iter().filter(|(is, _)| *is).map(|(_, how)| how).collect();
                    format!("{} {how}", seen.address)
                })
                .collect()
        })
    }

    fn relay_row(&self) -> LedgerNode {
        LedgerNode::Host(self.relay)
    }
}

fn telling(kind: u16, attribute: u16, address: &str) -> Vec<u8> {
    stun(kind, &[(attribute, xor_address(address))])
}

#[test]
fn a_stun_server_sees_the_outside_of_the_nat() {
    let mut call = call();
    assert_eq!(call.rows(), []);
    call.deliver(call.alice, 5000, "203.0.113.10:3478", stun(BINDING_REQUEST, &[]));
    let response = telling(BINDING_RESPONSE, XOR_MAPPED_ADDRESS, HOME);
    call.deliver(call.relay, 3478, "198.51.100.1:5000", response);
    assert_eq!(call.known(call.relay_row()), [vec![format!("{HOME} p")], vec![]]);
    assert_eq!(call.rows().len(), 1, "that Alice learns her own address is no news");
    let row = call.row(call.relay_row());
    assert_eq!((row.payload_datagrams, row.payload_bytes, row.is_cut), (0, 0, false));
}

#[test]
fn a_relay_learns_of_the_peer_from_what_its_client_asks_for() {
    for message in [
        telling(CREATE_PERMISSION, XOR_PEER_ADDRESS, BOB),
        telling(CHANNEL_BIND, XOR_PEER_ADDRESS, BOB),
        indication(SEND, b"a check"),
    ] {
        let mut call = call();
        call.deliver(call.alice, 5000, "203.0.113.10:3478", message);
        let expected = [vec![format!("{HOME} p")], vec![format!("{BOB} m")]];
        assert_eq!(call.known(call.relay_row()), expected);
    }
}

#[test]
fn inside_addresses_that_candidates_told_are_known_to_the_relay_as_the_peers() {
    let mut call = call();
    // Bob asks for a permission for Alice's host candidate, which her neighbours may have as well.
    let (alice, bob) = (call.alice, call.bob);
    call.observer().tell(CALL, LedgerNode::Rendezvous, alice, ip(ALICE));
    call.observer().tell(CALL, LedgerNode::Peer(bob), alice, ip(ALICE));
    let permission = telling(CREATE_PERMISSION, XOR_PEER_ADDRESS, ALICE);
    call.deliver(bob, 6000, "203.0.113.10:3478", permission);
    let expected = [vec![format!("{ALICE} m")], vec![format!("{BOB} p")]];
    assert_eq!(call.known(call.relay_row()), expected);
    let told = [vec![format!("{ALICE} t")], vec![]];
    assert_eq!(call.known(LedgerNode::Peer(bob)), told);
    assert_eq!(call.known(LedgerNode::Rendezvous), told);
    let nodes: Vec<_> = call.rows().iter().map(|row| row.node).collect();
    assert_eq!(nodes, [LedgerNode::Peer(bob), call.relay_row(), LedgerNode::Rendezvous]);
}

#[test]
fn an_address_of_nobody_in_the_session_is_left_out() {
    let mut call = call();
    let permission = telling(CREATE_PERMISSION, XOR_PEER_ADDRESS, SECOND_RELAY);
    call.deliver(call.alice, 5000, "203.0.113.10:3478", permission);
    assert_eq!(call.known(call.relay_row()), [vec![format!("{HOME} p")], vec![]]);
}

#[test]
fn peers_see_each_other_in_checks_and_in_what_comes_through_the_relay() {
    let mut call = call();
    let (alice, bob) = (call.alice, call.bob);
    call.deliver(alice, 5000, "203.0.113.2:6000", stun(BINDING_REQUEST, &[]));
    let response = telling(BINDING_RESPONSE, XOR_MAPPED_ADDRESS, HOME);
    call.deliver(bob, 6000, "198.51.100.1:5000", response);
    assert_eq!(call.known(LedgerNode::Peer(bob)), [vec![format!("{HOME} p")], vec![]]);
    assert_eq!(call.known(LedgerNode::Peer(alice)), [vec![], vec![format!("{BOB} p")]]);

    let mut call = self::call();
    call.deliver(alice, 5000, "203.0.113.10:3478", stun(BINDING_REQUEST, &[]));
    call.deliver(call.relay, 3478, "198.51.100.1:5000", indication(DATA, b"a check"));
    assert_eq!(call.known(LedgerNode::Peer(alice)), [vec![], vec![format!("{BOB} m")]]);
}

#[test]
fn a_relay_reads_the_checks_that_it_forwards() {
    let mut call = call();
    let response = telling(BINDING_RESPONSE, XOR_MAPPED_ADDRESS, BOB);
    call.deliver(call.alice, 5000, "203.0.113.10:3478", channel_data(&response, 0));
    let expected = [vec![format!("{HOME} p")], vec![format!("{BOB} m")]];
    assert_eq!(call.known(call.relay_row()), expected);
}

#[test]
fn payload_has_an_address_and_a_size_wherever_it_comes() {
    let mut call = call();
    let payload = call.payload(100);
    call.deliver(call.alice, 5000, "203.0.113.10:3478", channel_data(&payload, 0));
    call.deliver(call.relay, 49152, "203.0.113.2:6000", payload.clone());
    call.deliver(call.bob, 6000, "203.0.113.10:49152", payload);
    let row = call.row(call.relay_row());
    assert_eq!((row.payload_datagrams, row.payload_bytes), (2, 232));
    let expected = [vec![format!("{HOME} p")], vec![format!("{BOB} p")]];
    assert_eq!(call.known(call.relay_row()), expected);
    let bobs = call.row(LedgerNode::Peer(call.bob));
    assert_eq!((bobs.payload_datagrams, bobs.payload_bytes), (1, 116));
    assert_eq!(call.known(bobs.node), [vec![""; 0], vec![]], "the relay hides Alice");
}

#[test]
fn a_host_that_payload_comes_to_is_watched_even_if_nobody_named_it() {
    let mut call = call();
    let (second, payload) = (call.second_relay, call.payload(100));
    call.deliver(call.alice, 5000, "203.0.113.11:3478", stun(BINDING_REQUEST, &[]));
    assert_eq!(call.rows(), [], "not a server of the session yet");
    for _ in 0..2 {
        call.deliver(call.alice, 5000, "203.0.113.11:3478", channel_data(&payload, 0));
    }
    let row = call.row(LedgerNode::Host(second));
    assert_eq!((row.payload_datagrams, row.payload_bytes), (2, 232));
    assert_eq!(call.known(row.node), [vec![format!("{HOME} p")], vec![]]);
}

#[test]
fn payload_over_tcp_counts_by_hosts_and_port() {
    let mut call = call();
    let peers = call.peers();
    call.observer().watch_tcp(CALL, peers, 80);
    for length in [0, 700] {
        let segment = segment("192.168.1.2:1", "203.0.113.2:80", TcpFlags::SYN, 0, length);
        call.world.send(call.alice, segment);
        assert_eq!(call.world.settle().len(), 1);
    }
    let row = call.row(LedgerNode::Peer(call.bob));
    assert_eq!((row.payload_datagrams, row.payload_bytes), (1, 700));
    assert_eq!(call.known(row.node), [vec![format!("{HOME} p")], vec![]]);
}

#[test]
fn only_sessions_that_name_a_server_show_it() {
    let mut call = call();
    let other = natbed_network::observe::PayloadTag::new(8);
    let (alice, second) = (call.alice, call.second_relay);
    call.observer().watch(other, [alice, second], &[]);
    call.deliver(alice, 5000, "203.0.113.10:3478", stun(BINDING_REQUEST, &[]));
    assert_eq!(call.rows().len(), 1);
    assert_eq!(call.observer().rows(other), []);
    call.deliver(alice, 5000, "203.0.113.11:1", stun(BINDING_REQUEST, &[]));
    assert_eq!(call.rows().len(), 1);
    let rows = call.observer().rows(other);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].node, LedgerNode::Peer(second));
}

#[test]
fn a_host_that_roams_has_another_address() {
    let mut call = call();
    let (alice, bob) = (call.alice, call.bob);
    call.deliver(alice, 5000, "203.0.113.2:6000", b"hello".to_vec());
    let address: IpAddr = ip("203.0.113.77");
    let (attachment, link) = (Attachment::Internet, LinkConfig::IDEAL);
    let to = InterfaceConfig { address, attachment, link };
    call.world.network.move_host(alice, 0, to).unwrap();
    // Told before Alice has sent a packet from there.
    let permission = telling(CREATE_PERMISSION, XOR_PEER_ADDRESS, "203.0.113.77");
    call.deliver(bob, 6000, "203.0.113.10:3478", permission);
    assert_eq!(call.known(call.relay_row())[0], ["203.0.113.77 m"]);
    call.deliver(alice, 5000, "203.0.113.2:6000", b"hello".to_vec());
    let expected = [format!("{HOME} p"), "203.0.113.77 p".to_owned()];
    assert_eq!(call.known(LedgerNode::Peer(bob))[0], expected);
}

#[test]
fn a_node_knows_no_more_addresses_than_there_is_room_for() {
    let mut call = call();
    let alice = call.alice;
    for n in 0..SEEN_MAX as u8 + 1 {
        let address = ip(&format!("10.0.0.{n}"));
        assert!(call.rows().iter().all(|row| !row.is_cut));
        call.observer().tell(CALL, LedgerNode::Rendezvous, alice, address);
    }
    let row = call.row(LedgerNode::Rendezvous);
    assert_eq!((row.saw[0].1.len(), row.is_cut), (SEEN_MAX, true));
    assert!(row.saw[0].1.is_sorted());
}

#[test]
fn what_is_told_of_strangers_is_not_taken_down() {
    let mut call = call();
    let (alice, relay) = (call.alice, call.relay);
    let unknown = natbed_network::observe::PayloadTag::new(9);
    call.observer().tell(unknown, LedgerNode::Rendezvous, alice, ip(ALICE));
    call.observer().tell(CALL, LedgerNode::Rendezvous, relay, ip(RELAY));
    call.observer().tell(CALL, LedgerNode::Peer(alice), alice, ip(ALICE));
    assert_eq!((call.rows(), call.observer().rows(unknown)), (vec![], vec![]));
}

#[test]
fn a_host_can_be_seen_under_the_addresses_of_all_nats_before_it() {
    fn seen<O: Observer>(network: &Network<O>, host: HostId) -> Vec<String> {
        network.seen_under(host).iter().map(ToString::to_string).collect()
    }
    let mut world = World::with_internet();
    let carrier = world.lan("carrier", "100.64.0.0/24");
    let home = world.lan("home", "192.168.1.0/24");
    let routed = world.lan("routed", "192.168.2.0/24");
    let mut outer = gateway("carrier", carrier, "100.64.0.1", Attachment::Internet, HOME);
    outer.pool = vec![ip("198.51.100.2")];
    world.add_gateway(outer);
    world.add_gateway(gateway("home", home, "192.168.1.1", Attachment::Lan(carrier), "100.64.0.7"));
    let mut inner = gateway("routed", routed, "192.168.2.1", Attachment::Lan(home), "192.168.1.2");
    inner.translator = None;
    world.add_gateway(inner);
    let alice = world.add_host(host("alice", Attachment::Lan(routed), "192.168.2.9"));
    let bob = world.public_host("bob", BOB);
    let expected = ["192.168.2.9", "100.64.0.7", HOME, "198.51.100.2"];
    assert_eq!(seen(&world.network, alice), expected);
    assert_eq!(seen(&world.network, bob), [BOB]);
}
