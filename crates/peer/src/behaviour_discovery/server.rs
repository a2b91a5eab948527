//! The STUN server with two addresses and two ports (RFC 5780 section 6).

use std::collections::VecDeque;
use std::net::IpAddr;

use bytes::Bytes;
use natbed_packet::Endpoint;
use natbed_runtime::{Process, Transmit};
use natbed_units::SimTime;

use super::message::{BindingResponse, Change, decode_request, encode_error, encode_success};

/// A STUN server for behaviour discovery, on a host with two addresses.
///
/// It serves Binding requests without authentication and ignores everything else. Responses come
/// from where CHANGE-REQUEST asks for and go to where RESPONSE-PORT asks for; an error response
/// goes back where its request came from.
#[derive(Clone, Debug)]
pub struct DiscoveryServer {
    addresses: [IpAddr; 2],
    ports: [u16; 2],
    outgoing: VecDeque<Transmit>,
}

impl DiscoveryServer {
    /// Makes a server on both `ports` of both `addresses`, which are those of its host.
    #[must_use]
    pub fn new(addresses: [IpAddr; 2], ports: [u16; 2]) -> Self {
        Self { addresses, ports, outgoing: VecDeque::new() }
    }

    /// Answers a Binding request (RFC 5780 section 6.1, table 1).
    fn answer(&self, local: Endpoint, remote: Endpoint, payload: &[u8]) -> Option<Transmit> {
        let received = decode_request(payload)?;
        let other_of = |pair: [IpAddr; 2], one| if pair[0] == one { pair[1] } else { pair[0] };
        let other_ip = other_of(self.addresses, local.ip);
        let other_port = if self.ports[0] == local.port { self.ports[1] } else { self.ports[0] };
        let served = match received.request {
            Ok(served) => served,
            Err(refusal) => {
                let payload = encode_error(received.transaction, &refusal);
                return Some(Transmit { local, remote, payload });
            }
        };
        let origin = match served.binding.change {
            Change::None => local,
            Change::Port => Endpoint::new(local.ip, other_port),
            Change::Address => Endpoint::new(other_ip, local.port),
            Change::AddressAndPort => Endpoint::new(other_ip, other_port),
        };
        let response = BindingResponse {
            mapped: remote,
            origin: Some(origin),
            other: Some(Endpoint::new(other_ip, other_port)),
        };
        let target = Endpoint::new(remote.ip, served.binding.response_port.unwrap_or(remote.port));
        let payload = encode_success(received.transaction, response, served.is_padded);
        Some(Transmit { local: origin, remote: target, payload })
    }
}

impl Process for DiscoveryServer {
    fn handle_datagram(&mut self, _: SimTime, local: Endpoint, remote: Endpoint, payload: Bytes) {
        self.outgoing.extend(self.answer(local, remote, &payload));
    }

    fn handle_timeout(&mut self, _: SimTime) {}

    fn poll_transmit(&mut self, _: SimTime) -> Option<Transmit> {
        self.outgoing.pop_front()
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        None
    }

    fn accepts(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }
}
