//! NAT behaviour discovery on the wire: messages written and read by hand, after RFC 8489 and 5780.

use std::net::IpAddr;

use bytes::Bytes;
use natbed_packet::Endpoint;
use natbed_peer::{
    BindingRequest, BindingResponse, Change, DiscoveryClient, DiscoveryEvent, DiscoveryServer,
};
use natbed_runtime::{Process, Transmit};
use natbed_units::{Seed, SimTime};

const NOW: SimTime = SimTime::ZERO;
const TRANSACTION: [u8; 12] = *b"transaction!";
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

const MAPPED_ADDRESS: u16 = 0x0001;
const CHANGE_REQUEST: u16 = 0x0003;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PADDING: u16 = 0x0026;
const RESPONSE_PORT: u16 = 0x0027;
const RESPONSE_ORIGIN: u16 = 0x802b;
const OTHER_ADDRESS: u16 = 0x802c;

fn endpoint(text: &str) -> Endpoint {
    text.parse::<std::net::SocketAddr>().unwrap().into()
}

fn addresses() -> [IpAddr; 2] {
    ["192.0.2.1", "203.0.113.1"].map(|ip| ip.parse().unwrap())
}

fn server() -> DiscoveryServer {
    DiscoveryServer::new(addresses(), [3478, 3479])
}

/// A message with the attributes given, whose values are multiples of four bytes.
fn message(kind: u16, attributes: &[(u16, &[u8])]) -> Bytes {
    let body: Vec<u8> = attributes
        .iter()
        .flat_map(|(kind, value)| {
            let length = (value.len() as u16).to_be_bytes();
            [&kind.to_be_bytes()[..], &length, value].concat()
        })
        .collect();
    let length = (body.len() as u16).to_be_bytes();
    [&kind.to_be_bytes()[..], &length, &MAGIC, &TRANSACTION, &body].concat().into()
}

fn request(attributes: &[(u16, &[u8])]) -> Bytes {
    message(0x0001, attributes)
}

/// The type of a message and its attributes.
fn read(message: &[u8]) -> (u16, Vec<(u16, Vec<u8>)>) {
    let number = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    assert_eq!(message[4..8], MAGIC);
    assert_eq!(message[8..20], TRANSACTION);
    assert_eq!(usize::from(number(2)), message.len() - 20);
    let mut attributes = Vec::new();
    let mut at = 20;
    while at < message.len() {
        let length = usize::from(number(at + 2));
        attributes.push((number(at), message[at + 4..][..length].to_vec()));
        at += 4 + length.next_multiple_of(4);
    }
    (number(0), attributes)
}

/// The value of an attribute that holds an address.
fn address_value(endpoint: Endpoint) -> Vec<u8> {
    let port = endpoint.port.to_be_bytes();
    match endpoint.ip {
        IpAddr::V4(ip) => [&[0, 1][..], &port, &ip.octets()].concat(),
        IpAddr::V6(ip) => [&[0, 2][..], &port, &ip.octets()].concat(),
    }
}

/// The same, XORed with the magic cookie and the transaction (RFC 8489 section 14.2).
fn xor_address_value(endpoint: Endpoint) -> Vec<u8> {
    let mut value = address_value(endpoint);
    let mask = [&MAGIC[..], &TRANSACTION].concat();
    for (byte, mask) in value[2..4].iter_mut().zip(&MAGIC) {
        *byte ^= mask;
    }
    for (byte, mask) in value[4..].iter_mut().zip(&mask) {
        *byte ^= mask;
    }
    value
}

fn answer(server: &mut DiscoveryServer, local: Endpoint, from: Endpoint, bytes: Bytes) -> Transmit {
    server.handle_datagram(NOW, local, from, bytes);
    let answer = server.poll_transmit(NOW).expect("an answer");
    assert_eq!(server.poll_transmit(NOW), None);
    answer
}

#[test]
fn rfc_5780_table_1_where_responses_come_from() {
    let client = endpoint("198.51.100.7:40000");
    let [a1, a2] = addresses();
    for (da, ca) in [(a1, a2), (a2, a1)] {
        for (dp, cp) in [(3478, 3479), (3479, 3478)] {
            for (flags, source) in [
                (0b000, Endpoint::new(da, dp)),
                (0b100, Endpoint::new(ca, dp)),
                (0b010, Endpoint::new(da, cp)),
                (0b110, Endpoint::new(ca, cp)),
            ] {
                let bytes = request(&[(CHANGE_REQUEST, &[0, 0, 0, flags])]);
                let answer = answer(&mut server(), Endpoint::new(da, dp), client, bytes);
                assert_eq!((answer.local, answer.remote), (source, client));
                let expected = vec![
                    (MAPPED_ADDRESS, address_value(client)),
                    (XOR_MAPPED_ADDRESS, xor_address_value(client)),
                    (RESPONSE_ORIGIN, address_value(source)),
                    (OTHER_ADDRESS, address_value(Endpoint::new(ca, cp))),
                ];
                assert_eq!(read(&answer.payload), (0x0101, expected));
            }
        }
    }
}

#[test]
fn a_request_without_attributes_is_answered_over_ipv6_too() {
    let addresses = ["2001:db8::1", "2001:db8::2"].map(|ip| ip.parse().unwrap());
    let mut server = DiscoveryServer::new(addresses, [3478, 3479]);
    let client = endpoint("[2001:db8:1::7]:40000");
    let answer = answer(&mut server, endpoint("[2001:db8::1]:3478"), client, request(&[]));
    assert_eq!((answer.local, answer.remote), (endpoint("[2001:db8::1]:3478"), client));
    let (kind, attributes) = read(&answer.payload);
    assert_eq!(kind, 0x0101);
    assert!(attributes.contains(&(XOR_MAPPED_ADDRESS, xor_address_value(client))));
}

#[test]
fn rfc_5780_7_5_a_response_goes_to_the_port_asked_for() {
    let client = endpoint("198.51.100.7:40000");
    let bytes = request(&[(RESPONSE_PORT, &[0x12, 0x34, 0, 0])]);
    let answer = answer(&mut server(), endpoint("192.0.2.1:3478"), client, bytes);
    assert_eq!(answer.remote, endpoint("198.51.100.7:4660"));
    let (_, attributes) = read(&answer.payload);
    assert!(attributes.contains(&(XOR_MAPPED_ADDRESS, xor_address_value(client))));
}

#[test]
fn rfc_5780_6_1_padding_is_answered_with_padding_but_not_together_with_a_response_port() {
    let (local, client) = (endpoint("192.0.2.1:3478"), endpoint("198.51.100.7:40000"));
    let padded = answer(&mut server(), local, client, request(&[(PADDING, &[1; 64])]));
    let (kind, attributes) = read(&padded.payload);
    assert_eq!((kind, attributes.last()), (0x0101, Some(&(PADDING, vec![0; 1500]))));
    let both = request(&[(PADDING, &[1; 64]), (RESPONSE_PORT, &[0x12, 0x34, 0, 0])]);
    assert_is_error(&answer(&mut server(), local, client, both), client, 400);
}

#[track_caller]
fn assert_is_error(answer: &Transmit, client: Endpoint, code: u16) {
    assert_eq!(answer.remote, client);
    let (kind, attributes) = read(&answer.payload);
    assert_eq!(kind, 0x0111);
    let (name, value) = &attributes[0];
    assert_eq!((*name, value[2], value[3]), (ERROR_CODE, (code / 100) as u8, (code % 100) as u8));
}

#[test]
fn rfc_8489_6_3_1_what_has_to_be_understood_and_is_not_is_420() {
    let (local, client) = (endpoint("192.0.2.1:3478"), endpoint("198.51.100.7:40000"));
    let attributes: [(u16, &[u8]); 4] =
        [(0x7abc, &[]), (0x8abc, &[]), (RESPONSE_PORT, &[9, 9, 0, 0]), (0x0024, &[0; 4])];
    let refused = answer(&mut server(), local, client, request(&attributes));
    assert_is_error(&refused, client, 420);
    let (_, attributes) = read(&refused.payload);
    assert_eq!(attributes[1], (UNKNOWN_ATTRIBUTES, vec![0x7a, 0xbc, 0x00, 0x24]));
}

#[test]
fn an_attribute_of_a_wrong_length_is_400() {
    let (local, client) = (endpoint("192.0.2.1:3478"), endpoint("198.51.100.7:40000"));
    for attribute in [CHANGE_REQUEST, RESPONSE_PORT] {
        for value in [&[][..], &[0; 8]] {
            let bytes = request(&[(attribute, value)]);
            assert_is_error(&answer(&mut server(), local, client, bytes), client, 400);
        }
    }
}

#[test]
fn a_server_answers_nothing_but_binding_requests() {
    let (local, client) = (endpoint("192.0.2.1:3478"), endpoint("198.51.100.7:40000"));
    let mut server = server();
    let mut off_cookie = request(&[]).to_vec();
    off_cookie[4] ^= 1;
    let indication = message(0x0011, &[]);
    let response = message(0x0101, &[]);
    let allocate = message(0x0003, &[]);
    for bytes in [off_cookie.into(), indication, response, allocate, Bytes::new()] {
        server.handle_datagram(NOW, local, client, bytes);
        assert_eq!(server.poll_transmit(NOW), None);
    }
    assert_eq!(
        [3477, 3478, 3479, 3480].map(|port| server.accepts(port)),
        [false, true, true, false]
    );
    assert_eq!(server.poll_timeout(), None);
}

#[test]
fn a_client_and_a_server_understand_each_other() {
    let ip = endpoint("192.168.1.2:0").ip;
    let mut client = DiscoveryClient::new(ip, Seed::new(1).rng("client"));
    let mapped = endpoint("198.51.100.7:61000");
    let target = endpoint("203.0.113.1:3479");
    for change in [Change::None, Change::Port, Change::Address, Change::AddressAndPort] {
        for response_port in [None, Some(7)] {
            let request = BindingRequest { change, response_port };
            let transaction = client.send(40_000, target, request);
            let sent = client.poll_transmit(NOW).unwrap();
            assert_eq!((sent.local, sent.remote), (Endpoint::new(ip, 40_000), target));
            let answer = answer(&mut server(), target, mapped, sent.payload);
            assert_eq!(answer.remote.port, response_port.unwrap_or(mapped.port));
            // It arrives at another socket, and a copy of it once more.
            let at = Endpoint::new(ip, 40_001);
            for _ in 0..2 {
                client.handle_datagram(NOW, at, answer.local, answer.payload.clone());
            }
            let response = Some(BindingResponse {
                mapped,
                origin: Some(answer.local),
                other: Some(endpoint("192.0.2.1:3478")),
            });
            let (port, from) = (40_001, answer.local);
            let event = DiscoveryEvent::Response { transaction, port, from, response };
            assert_eq!(client.poll_event(), Some(event));
            assert_eq!(client.poll_event(), None, "of a response that came before");
        }
    }
    assert_eq!([40_000, 40_001].map(|port| client.accepts(port)), [true, false]);
    client.open(40_001);
    assert!(client.accepts(40_001));
}

#[test]
fn a_client_tells_of_requests_and_of_errors() {
    let ip = endpoint("192.168.1.2:0").ip;
    let mut client = DiscoveryClient::new(ip, Seed::new(1).rng("client"));
    let (at, from) = (Endpoint::new(ip, 40_000), endpoint("198.51.100.7:61000"));
    client.handle_datagram(NOW, at, from, request(&[]));
    assert_eq!(client.poll_event(), Some(DiscoveryEvent::Request { port: 40_000, from }));
    let transaction = client.send(40_000, from, BindingRequest::default());
    let mut refusal = message(0x0111, &[(ERROR_CODE, &[0, 0, 4, 20])]).to_vec();
    refusal[8..20].copy_from_slice(&transaction);
    client.handle_datagram(NOW, at, from, refusal.into());
    let event = DiscoveryEvent::Response { transaction, port: 40_000, from, response: None };
    assert_eq!(client.poll_event(), Some(event));
}

/// Damaged messages of every kind: whatever they say, nobody panics, and nothing is made up.
#[test]
fn damaged_messages_do_no_harm() {
    let mut rng = Seed::new(1).rng("damage");
    let (local, from) = (endpoint("192.0.2.1:3478"), endpoint("198.51.100.7:40000"));
    let mut server = server();
    let mut client = DiscoveryClient::new(local.ip, Seed::new(1).rng("client"));
    let whole = [
        request(&[(CHANGE_REQUEST, &[0, 0, 0, 6]), (RESPONSE_PORT, &[9, 9, 0, 0])]),
        request(&[(PADDING, &[0; 40]), (0x7abc, &[1, 2, 3, 4])]),
        message(
            0x0101,
            &[(XOR_MAPPED_ADDRESS, &[0, 1, 1, 2, 3, 4, 5, 6]), (OTHER_ADDRESS, &[0; 8])],
        ),
        message(0x0111, &[(ERROR_CODE, &[0, 0, 4, 0])]),
    ];
    for round in 0..40_000 {
        let mut bytes = whole[round % whole.len()].to_vec();
        for _ in 0..rng.in_range(1..5) {
            let at = rng.in_range(0..bytes.len() as u32) as usize;
            bytes[at] = rng.in_range(0..256) as u8;
        }
        bytes.truncate(rng.in_range(0..bytes.len() as u32 * 2) as usize);
        let bytes = Bytes::from(bytes);
        server.handle_datagram(NOW, local, from, bytes.clone());
        while let Some(answer) = server.poll_transmit(NOW) {
            assert_eq!(answer.remote.ip, from.ip);
            assert_eq!(bytes[..2], [0, 1], "an answer to what is no request");
        }
        client.handle_datagram(NOW, local, from, bytes);
        while let Some(event) = client.poll_event() {
            assert!(matches!(event, DiscoveryEvent::Request { .. }), "{event:?}");
        }
    }
}
