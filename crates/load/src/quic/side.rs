//! One side of the load: an endpoint with one connection.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use natbed_units::{Seed, SimDuration, SimTime};
use quinn_proto::{
    ClientConfig, Connection, ConnectionError, ConnectionHandle, DatagramEvent, Dir, Endpoint,
    Event, Incoming, StreamEvent,
};

use crate::config::{Amount, LoadError};
use crate::series::Series;
use crate::side::{Side, SideReport};
use crate::transfer::TransferReport;

use super::clock::Clock;
use super::streams::{Receiving, Sending};
use super::{IDLE_TIMEOUT, MAX_DATAGRAM, QuicConfig, endpoint, tls};

/// The other side, as far as `quinn-proto` knows.
///
/// Always the same one: that the path between two peers changes is below the load.
const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 443);

/// One side of the load.
pub(crate) struct Quic {
    endpoint: Endpoint,
    /// What the client connects with, until it does.
    client: Option<ClientConfig>,
    link: Option<Link>,
    /// Datagrams that belong to no connection.
    answers: VecDeque<Vec<u8>>,
    /// One datagram; `quinn-proto` wants a buffer that nothing stands in.
    scratch: Vec<u8>,
    /// How long each sender goes on writing, and when that is over.
    lasts: Option<SimDuration>,
    ends: Option<SimTime>,
    /// When a server that nobody has connected to gives up.
    patience: Option<SimTime>,
    sample: Option<SimDuration>,
    /// When the connection wants to be called.
    timeout: Option<SimTime>,
    exchange: Exchange,
}

/// The connection.
struct Link {
    clock: Clock,
    handle: ConnectionHandle,
    connection: Connection,
}

/// What goes over the connection.
struct Exchange {
    sending: Sending,
    receiving: Receiving,
    report: TransferReport,
}

impl Quic {
    /// Makes the side of the peer with this number: 0 is the client, 1 the server.
    pub(crate) fn new(config: &QuicConfig, peer: usize, seed: Seed) -> Result<Self, LoadError> {
        let (endpoint, client) = if peer == 0 {
            let (endpoint, client) = endpoint::client(config, seed.derive("quic/client"))?;
            (endpoint, Some(client))
        } else {
            (endpoint::server(config, seed.derive("quic/server"))?, None)
        };
        let offered = config.transfer.bytes(peer).map(natbed_units::ByteCount::bytes);
        Ok(Self {
            endpoint,
            client,
            link: None,
            answers: VecDeque::new(),
            scratch: Vec::with_capacity(usize::from(MAX_DATAGRAM)),
            lasts: match config.transfer.amount {
                Amount::For(time) => Some(time),
                Amount::Bytes(_) => None,
            },
            ends: None,
            patience: None,
            sample: config.transfer.sample,
            timeout: None,
            exchange: Exchange {
                sending: Sending::new(config, peer),
                receiving: Receiving::new(config, peer),
                report: TransferReport { offered_bytes: offered, ..TransferReport::default() },
            },
        })
    }

    fn accept(&mut self, now: SimTime, clock: Clock, incoming: Incoming) {
        if self.link.is_some() || self.exchange.report.failure.is_some() {
            self.endpoint.ignore(incoming);
            return;
        }
        self.scratch.clear();
        let instant = clock.instant(now);
        match self.endpoint.accept(incoming, instant, &mut self.scratch, None) {
            Ok((handle, connection)) => {
                self.link = Some(Link { clock, handle, connection });
                self.patience = None;
            }
            Err(error) => {
                self.exchange.report.failure = Some(error.cause.to_string());
                if let Some(transmit) = error.response {
                    self.answers.push_back(self.scratch[..transmit.size].to_vec());
                }
            }
        }
    }

    /// Returns what has been seen so far, with what the connection has counted.
    pub(super) fn transfer_report(&self) -> TransferReport {
        let mut report = self.exchange.report.clone();
        if let Some(Link { connection, .. }) = &self.link {
            let stats = connection.stats();
            report.datagrams_sent = stats.udp_tx.datagrams;
            report.datagrams_retransmitted = stats.path.lost_packets;
            report.retransmitted_bytes = stats.path.lost_bytes;
            report.round_trip = report.connected.map(|_| {
                let nanos = u64::try_from(stats.path.rtt.as_nanos()).unwrap_or(u64::MAX);
                SimDuration::from_nanos(nanos)
            });
        }
        report
    }

    /// Passes on between endpoint, connection and streams until all are quiet.
    fn settle(&mut self, now: SimTime) {
        let Some(Link { clock, handle, connection }) = &mut self.link else { return };
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
        self.exchange.settle(now, connection);
        self.timeout = connection.poll_timeout().map(|instant| clock.time(instant));
    }
}

impl Exchange {
    fn settle(&mut self, now: SimTime, connection: &mut Connection) {
        self.sending.bound(connection);
        let mut can_write = false;
        while let Some(event) = connection.poll() {
            match event {
                Event::Connected => {
                    self.report.connected = Some(now);
                    self.sending.open(connection);
                    can_write = true;
                }
                Event::Stream(StreamEvent::Available { dir: Dir::Uni }) => {
                    self.sending.open(connection);
                    can_write = true;
                }
                Event::Stream(StreamEvent::Writable { .. }) => can_write = true,
                Event::Stream(StreamEvent::Finished { .. }) => self.sending.note_acknowledged(),
                Event::Stream(StreamEvent::Opened { dir: Dir::Uni }) => {
                    self.receiving.accept(now, connection, &mut self.report);
                }
                Event::Stream(StreamEvent::Readable { id }) => {
                    self.receiving.read(now, id, connection, &mut self.report);
                }
                Event::ConnectionLost { reason } => self.lose(&reason),
                _ => {}
            }
        }
        if can_write {
            self.report.sent_bytes += self.sending.write(connection);
        }
    }

    /// Keeps the reason, unless everything was done: then the connection is only left to run out.
    fn lose(&mut self, reason: &ConnectionError) {
        if !self.is_done() {
            self.report.failure = Some(reason.to_string());
        }
    }

    fn is_done(&self) -> bool {
        self.report.failure.is_some() || (self.sending.is_done() && self.receiving.is_done())
    }
}

impl Side for Quic {
    fn start(&mut self, now: SimTime) {
        let report = &mut self.exchange.report;
        report.started = Some(now);
        report.series = self.sample.map(|interval| Series::new(now, interval));
        self.ends = self.lasts.map(|lasts| now + lasts);
        let Some(client) = self.client.take() else {
            self.patience = Some(now + IDLE_TIMEOUT);
            return;
        };
        let clock = Clock::new(now);
        let instant = clock.instant(now);
        match self.endpoint.connect(instant, client, REMOTE, tls::SERVER_NAME) {
            Ok((handle, connection)) => self.link = Some(Link { clock, handle, connection }),
            Err(error) => report.failure = Some(error.to_string()),
        }
        self.settle(now);
    }

    fn handle_datagram(&mut self, now: SimTime, _: Option<SimTime>, payload: Bytes) {
        let clock = self.link.as_ref().map_or_else(|| Clock::new(now), |link| link.clock);
        let instant = clock.instant(now);
        self.scratch.clear();
        let data = BytesMut::from(payload);
        match self.endpoint.handle(instant, REMOTE, None, None, data, &mut self.scratch) {
            Some(DatagramEvent::ConnectionEvent(_, event)) => {
                if let Some(link) = &mut self.link {
                    link.connection.handle_event(event);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.accept(now, clock, incoming),
            Some(DatagramEvent::Response(transmit)) => {
                self.answers.push_back(self.scratch[..transmit.size].to_vec());
            }
            None => {}
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: SimTime) {
        if self.patience.is_some_and(|patience| patience <= now) {
            self.patience = None;
            self.exchange.lose(&ConnectionError::TimedOut);
        }
        let Some(link) = &mut self.link else { return };
        link.connection.handle_timeout(link.clock.instant(now));
        if self.ends.is_some_and(|ends| ends <= now) {
            self.ends = None;
            self.exchange.sending.finish(&mut link.connection);
        }
        self.settle(now);
    }

    fn poll_transmit(&mut self, now: SimTime, datagram: &mut Vec<u8>) -> bool {
        if let Some(answer) = self.answers.pop_front() {
            datagram.extend(answer);
            return true;
        }
        let Some(Link { clock, connection, .. }) = &mut self.link else { return false };
        let instant: Instant = clock.instant(now);
        self.scratch.clear();
        // One datagram at a time: nothing here cuts up what is meant for segmentation offload.
        match connection.poll_transmit(instant, 1, &mut self.scratch) {
            Some(transmit) => {
                datagram.extend_from_slice(&self.scratch[..transmit.size]);
                true
            }
            None => {
                self.timeout = connection.poll_timeout().map(|instant| clock.time(instant));
                false
            }
        }
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        let ends = self.ends.filter(|_| self.link.is_some());
        [self.timeout, ends, self.patience].into_iter().flatten().min()
    }

    fn is_done(&self) -> bool {
        self.exchange.is_done()
    }

    fn report(&self) -> SideReport {
        SideReport::Transfer(Box::new(self.transfer_report()))
    }
}
