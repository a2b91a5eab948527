//! The client: any number of sockets on one host, each with what it asks and what it gets.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use bytes::Bytes;
use natbed_packet::Endpoint;
use natbed_runtime::{Process, Transmit};
use natbed_units::{SimRng, SimTime};
use rand_core::Rng;

use super::message::{
    BindingRequest, BindingResponse, Incoming, TransactionId, decode_incoming, encode_request,
};

/// The most events that wait; a client whose user does not take them loses later ones.
const EVENTS_MAX: usize = 4_096;

/// Something that a client got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryEvent {
    /// A response to one of this client's requests, on whatever socket it arrived.
    Response {
        /// The request's transaction.
        transaction: TransactionId,
        /// The port of the socket that it arrived on.
        port: u16,
        /// Where it came from.
        from: Endpoint,
        /// What it says; `None` for an error response.
        response: Option<BindingResponse>,
    },
    /// A request of another client.
    Request {
        /// The port of the socket that it arrived on.
        port: u16,
        /// Where it came from.
        from: Endpoint,
    },
}

/// A client for behaviour discovery, on one address of a host.
///
/// A socket is open from the first request sent from its port, or from [`DiscoveryClient::open`].
#[derive(Clone, Debug)]
pub struct DiscoveryClient {
    address: IpAddr,
    rng: SimRng,
    open: BTreeSet<u16>,
    asked: BTreeSet<TransactionId>,
    outgoing: VecDeque<Transmit>,
    events: VecDeque<DiscoveryEvent>,
}

impl DiscoveryClient {
    /// Makes a client without sockets on `address`; `rng` draws its transactions.
    #[must_use]
    pub fn new(address: IpAddr, rng: SimRng) -> Self {
        Self {
            address,
            rng,
            open: BTreeSet::new(),
            asked: BTreeSet::new(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Opens a socket that only listens.
    pub fn open(&mut self, port: u16) {
        self.open.insert(port);
    }

    /// Sends `request` once from `port` to `to`.
    pub fn send(&mut self, port: u16, to: Endpoint, request: BindingRequest) -> TransactionId {
        let mut transaction = TransactionId::default();
        self.rng.fill_bytes(&mut transaction);
        self.open.insert(port);
        self.asked.insert(transaction);
        let local = Endpoint::new(self.address, port);
        let payload = encode_request(transaction, request);
        self.outgoing.push_back(Transmit { local, remote: to, payload });
        transaction
    }

    /// Returns the next thing that arrived, `None` when there is none.
    pub fn poll_event(&mut self) -> Option<DiscoveryEvent> {
        self.events.pop_front()
    }
}

impl Process for DiscoveryClient {
    fn handle_datagram(&mut self, _: SimTime, local: Endpoint, from: Endpoint, payload: Bytes) {
        let Some((transaction, incoming)) = decode_incoming(&payload) else { return };
        if self.events.len() >= EVENTS_MAX {
            return;
        }
        let port = local.port;
        let response = match incoming {
            Incoming::Request => {
                self.events.push_back(DiscoveryEvent::Request { port, from });
                return;
            }
            Incoming::Success(response) => Some(response),
            Incoming::Error => None,
        };
        // A response that nobody asked for is ignored (RFC 8489 section 6.3.3).
        if self.asked.remove(&transaction) {
            let event = DiscoveryEvent::Response { transaction, port, from, response };
            self.events.push_back(event);
        }
    }

    fn handle_timeout(&mut self, _: SimTime) {}

    fn poll_transmit(&mut self, _: SimTime) -> Option<Transmit> {
        self.outgoing.pop_front()
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        None
    }

    fn accepts(&self, port: u16) -> bool {
        self.open.contains(&port)
    }
}
