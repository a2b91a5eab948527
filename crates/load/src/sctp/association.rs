//! An association of the SCTP implementation, in simulated time.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use natbed_units::{SimDuration, SimTime};
use sctp_proto::{
    AssociationHandle, ClientConfig, ConnectError, DatagramEvent, Endpoint, EndpointConfig, Event,
    Payload, PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent,
    TransportConfig,
};

use super::SctpConfig;
use super::chunks::Chunks;

/// Bytes of the user in a DATA chunk: a multiple of four, for lack of padding.
///
/// With its headers the chunk makes a packet of 1140 bytes. The implementation may bundle chunks
/// to as much as 19 bytes more, for it forgets the last one's header and padding; with a DTLS
/// record around it that still has 1200 bytes at most.
const CHUNK_BYTES: u32 = 1_112;

/// First, least and greatest retransmission timeout in milliseconds (RFC 9260 section 16).
const RTO_INITIAL: u64 = 1_000;
const RTO_MIN: u64 = 1_000;
const RTO_MAX: u64 = 60_000;

/// What the implementation calls the other side's address; nothing is ever sent there.
const SOMEWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// Tells messages that carry the user's bytes from the one that ends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    End,
}

/// What became of an association, or came out of it.
#[derive(Debug)]
pub(super) enum Happening {
    Connected,
    /// A message of so many bytes, and its first eight.
    Message(Kind, u64, [u8; 8]),
    Lost(String),
}

/// One end of an association, or of one that is to be.
pub(super) struct Association {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, sctp_proto::Association)>,
    clock: Clock,
    outgoing: VecDeque<Bytes>,
    /// Whether anything has happened since it was last asked what to send.
    has_changed: bool,
    /// A stream that may have more messages to read.
    readable: Option<u16>,
    pub(super) chunks: Chunks,
}

/// Instants of the implementation for times of the simulation.
struct Clock {
    instant: Instant,
    time: SimTime,
}

impl Clock {
    fn instant(&self, time: SimTime) -> Instant {
        self.instant + Duration::from(time.saturating_since(self.time))
    }

    fn time(&self, instant: Instant) -> SimTime {
        self.time + SimDuration::from(instant.saturating_duration_since(self.instant))
    }
}

impl Association {
    /// Begins to wait for the other side.
    pub(super) fn listen(now: SimTime, config: &SctpConfig) -> Self {
        #[allow(clippy::disallowed_methods)] // a point to count from; it cancels out
        let instant = Instant::now();
        let mut server = ServerConfig::default();
        server.transport = Arc::new(transport(config));
        let mut endpoint = EndpointConfig::new();
        endpoint.max_payload_size(CHUNK_BYTES);
        Self {
            endpoint: Endpoint::new(Arc::new(endpoint), Some(Arc::new(server))),
            association: None,
            clock: Clock { instant, time: now },
            outgoing: VecDeque::new(),
            has_changed: true,
            readable: None,
            chunks: Chunks::default(),
        }
    }

    /// Begins to connect to the other side.
    pub(super) fn connect(now: SimTime, config: &SctpConfig) -> Result<Self, ConnectError> {
        let mut this = Self::listen(now, config);
        this.endpoint.reject_new_associations();
        let mut client = ClientConfig::new();
        client.transport = Arc::new(transport(config));
        let (handle, association) = this.endpoint.connect(client, SOMEWHERE)?;
        // It looked at the clock to set its first timer; that is the point to count from then.
        let timer = association.poll_timeout();
        let rto = Duration::from_millis(RTO_INITIAL);
        if let Some(instant) = timer.and_then(|timer| timer.checked_sub(rto)) {
            this.clock.instant = instant;
        }
        this.association = Some((handle, association));
        Ok(this)
    }

    /// Takes a packet; says whether it has to do with this association.
    pub(super) fn handle_packet(&mut self, now: SimTime, packet: Bytes) -> bool {
        let instant = self.clock.instant(now);
        self.has_changed = true;
        self.chunks.received(now, &packet);
        match (self.endpoint.handle(instant, SOMEWHERE, None, None, packet), &mut self.association)
        {
            (Some((handle, DatagramEvent::NewAssociation(association))), place @ None) => {
                self.endpoint.reject_new_associations();
                *place = Some((handle, association));
                true
            }
            (
                Some((handle, DatagramEvent::AssociationEvent(event))),
                Some((own_handle, association)),
            ) if handle == *own_handle => {
                association.handle_event(event);
                true
            }
            _ => false,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: SimTime) {
        let instant = self.clock.instant(now);
        if let Some((_, association)) = &mut self.association
            && association.poll_timeout().is_some_and(|timeout| timeout <= instant)
        {
            self.has_changed = true;
            association.handle_timeout(instant);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<SimTime> {
        let (_, association) = self.association.as_ref()?;
        association.poll_timeout().map(|instant| self.clock.time(instant))
    }

    /// The next packet to send, of those that are ready and those that may become so.
    pub(super) fn poll_packet(&mut self, now: SimTime) -> Option<Bytes> {
        if self.outgoing.is_empty() && self.has_changed {
            self.has_changed = false;
            let instant = self.clock.instant(now);
            let (_, association) = self.association.as_mut()?;
            // Asked once, it has all that its window lets it send. Asked again without a reason it
            // would send a window of retransmissions more, and look at all that is on its way.
            let transmit = association.poll_transmit(instant);
            if let Some(Payload::RawEncode(packets)) = transmit.map(|transmit| transmit.payload) {
                packets.iter().for_each(|packet| self.chunks.sent(now, packet));
                self.outgoing.extend(packets);
            }
        }
        self.outgoing.pop_front()
    }

    /// What has happened since the last call.
    pub(super) fn poll(&mut self) -> Option<Happening> {
        let (_, association) = self.association.as_mut()?;
        loop {
            if let Some(id) = self.readable {
                let message = association.stream(id).and_then(|mut stream| stream.read());
                if let Ok(Some(message)) = message {
                    let mut start = [0; 8];
                    // What does not fit is left out, and nothing of it is needed.
                    let _ = message.read(&mut start);
                    let kind = match message.ppi {
                        PayloadProtocolIdentifier::String => Kind::End,
                        _ => Kind::Data,
                    };
                    return Some(Happening::Message(kind, message.len() as u64, start));
                }
            }
            self.readable = None;
            match association.poll()? {
                Event::Connected => return Some(Happening::Connected),
                Event::HandshakeFailed { reason } | Event::AssociationLost { reason } => {
                    return Some(Happening::Lost(reason.to_string()));
                }
                Event::Stream(StreamEvent::Readable { id }) => self.readable = Some(id),
                _ => {}
            }
        }
    }

    /// Ends the association in silence.
    pub(super) fn close(&mut self) {
        if let Some((_, association)) = &mut self.association {
            // What it may refuse is to close what is closed.
            let _ = association.close();
        }
        self.outgoing.clear();
    }

    /// Opens the first so many streams, unless the other side has.
    pub(super) fn open_streams(&mut self, config: &SctpConfig) -> Result<(), sctp_proto::Error> {
        let Some((_, association)) = &mut self.association else { return Ok(()) };
        for id in 0..config.streams {
            if association.stream(id).is_err() {
                association.open_stream(id, PayloadProtocolIdentifier::Binary)?;
            }
            let mut stream = association.stream(id)?;
            stream.set_reliability_params(!config.ordered, ReliabilityType::Reliable, 0)?;
        }
        Ok(())
    }

    /// Hands a message over to be sent.
    pub(super) fn write(
        &mut self,
        stream: u16,
        kind: Kind,
        message: &Bytes,
    ) -> Result<(), sctp_proto::Error> {
        let Some((_, association)) = &mut self.association else { return Ok(()) };
        self.has_changed = true;
        let identifier = match kind {
            Kind::Data => PayloadProtocolIdentifier::Binary,
            Kind::End => PayloadProtocolIdentifier::String,
        };
        association.stream(stream)?.write_sctp(message, identifier).map(drop)
    }
}

fn transport(config: &SctpConfig) -> TransportConfig {
    let window = u32::try_from(config.window.bytes()).unwrap_or(u32::MAX);
    TransportConfig::default()
        .with_max_receive_buffer_size(window)
        .with_rto_initial_ms(RTO_INITIAL)
        .with_rto_min_ms(RTO_MIN)
        .with_rto_max_ms(RTO_MAX)
}
