//! One side of a bulk transfer over SCTP.

use bytes::{Buf, Bytes};
use natbed_units::{ByteCount, SimDuration, SimTime};

use super::SctpConfig;
use super::association::{Association, Happening, Kind};
use crate::config::Amount;
use crate::series::Series;
use crate::side::{Side, SideReport};
use crate::transfer::TransferReport;

/// Bytes of a message; a smaller last one may follow.
const MESSAGE: u64 = 16 << 10;
/// Messages are handed over as long as fewer bytes than this wait to be sent for the first time:
/// enough for whatever a window opens at once, and little to wait for at the end.
const LOOKAHEAD: u64 = 2 * MESSAGE;

/// Bytes of zeros before each packet: what a DTLS record needs more than tag and time of sending.
const RECORD: usize = 37 - 16;

/// How long nothing may arrive.
const IDLE: SimDuration = SimDuration::from_secs(30);

/// One side of the load.
pub(crate) struct Sctp {
    config: SctpConfig,
    /// The number of the peer: 0 connects, 1 waits for that.
    peer: usize,
    association: Option<Association>,
    report: TransferReport,
    /// When something of the association arrived last, or it began.
    heard: SimTime,
    /// All that messages are cut from.
    zeros: Bytes,
    /// Bytes handed over, the end included; the next stream; whether the end has been.
    handed: u64,
    next_stream: u16,
    has_ended: bool,
    /// How much the other side sends, once it has said so.
    announced: Option<u64>,
    is_done: bool,
}

impl Sctp {
    /// Makes the side of the peer with this number, 0 or 1; the configuration is a valid one.
    pub(crate) fn new(config: SctpConfig, peer: usize) -> Self {
        let message = MESSAGE.min(config.window.bytes() / 2) & !3; // whole words need no padding
        Self {
            config,
            peer,
            association: None,
            report: TransferReport {
                offered_bytes: config.transfer.bytes(peer).map(ByteCount::bytes),
                ..TransferReport::default()
            },
            heard: SimTime::ZERO,
            zeros: Bytes::from(vec![0; message as usize]),
            handed: 0,
            next_stream: 0,
            has_ended: false,
            announced: None,
            is_done: false,
        }
    }

    fn sends(&self) -> bool {
        self.config.transfer.direction.sends(self.peer)
    }

    fn receives(&self) -> bool {
        self.config.transfer.direction.sends(1 - self.peer)
    }

    /// When it has sent for as long as it is to; `None` if the end is not given by time, or sent.
    fn deadline(&self) -> Option<SimTime> {
        let Amount::For(duration) = self.config.transfer.amount else { return None };
        let is_sending = self.sends() && self.report.connected.is_some() && !self.has_ended;
        is_sending.then_some(self.report.started? + duration)
    }

    fn fail(&mut self, failure: String) {
        if !self.is_done {
            self.report.failure = Some(failure);
            self.is_done = true;
        }
    }

    /// Hands over as much as it may.
    fn write(&mut self, now: SimTime) {
        let Some(association) = &mut self.association else { return };
        if self.is_done || self.report.connected.is_none() {
            return;
        }
        while !self.has_ended {
            let left = match (self.config.transfer.amount, self.report.started) {
                (Amount::Bytes(all), _) => all.bytes() - self.report.sent_bytes,
                (Amount::For(duration), Some(started)) if now < started + duration => u64::MAX,
                (Amount::For(_), _) => 0,
            };
            if left > 0 && self.handed - association.chunks.bytes >= LOOKAHEAD {
                break;
            }
            let (kind, message) = if left > 0 {
                let length = left.min(self.zeros.len() as u64);
                (Kind::Data, self.zeros.slice(..length as usize))
            } else {
                let total = self.report.sent_bytes.to_be_bytes();
                (Kind::End, Bytes::copy_from_slice(&total))
            };
            if let Err(error) = association.write(self.next_stream, kind, &message) {
                self.fail(error.to_string());
                return;
            }
            self.handed += message.len() as u64;
            match kind {
                Kind::Data => self.report.sent_bytes += message.len() as u64,
                Kind::End => self.has_ended = true,
            }
            self.next_stream = (self.next_stream + 1) % self.config.streams;
        }
    }

    /// Takes what came out of the association.
    fn take(&mut self, now: SimTime) {
        while let Some(happening) = self.association.as_mut().and_then(Association::poll) {
            match happening {
                Happening::Connected => {
                    self.report.connected = Some(now);
                    let opened = self.association.as_mut().map(|it| it.open_streams(&self.config));
                    if let Some(Err(error)) = opened {
                        self.fail(error.to_string());
                    }
                    self.has_ended = !self.sends();
                }
                Happening::Message(Kind::Data, length, _) => {
                    self.report.received_bytes += length;
                    self.report.first_received.get_or_insert(now);
                    self.report.last_received = Some(now);
                    if let Some(series) = &mut self.report.series {
                        series.add(now, length);
                    }
                }
                Happening::Message(Kind::End, _, total) => {
                    self.announced = Some(u64::from_be_bytes(total));
                }
                Happening::Lost(reason) => self.fail(reason),
            }
        }
        if self.receives() && self.announced == Some(self.report.received_bytes) {
            self.report.completed.get_or_insert(now);
        }
        self.note_end();
    }

    fn note_end(&mut self) {
        let Some(association) = &self.association else { return };
        let chunks = &association.chunks;
        let has_sent = !self.sends()
            || self.has_ended && chunks.bytes == self.handed && chunks.is_all_acknowledged();
        let has_received = !self.receives() || self.report.completed.is_some();
        self.is_done |= self.report.connected.is_some() && has_sent && has_received;
    }
}

impl Side for Sctp {
    fn start(&mut self, now: SimTime) {
        self.report.started = Some(now);
        self.report.series = self.config.transfer.sample.map(|interval| Series::new(now, interval));
        self.heard = now;
        if self.peer == 0 {
            match Association::connect(now, &self.config) {
                Ok(association) => self.association = Some(association),
                Err(error) => self.fail(error.to_string()),
            }
        } else {
            self.association = Some(Association::listen(now, &self.config));
        }
    }

    fn handle_datagram(&mut self, now: SimTime, _: Option<SimTime>, mut payload: Bytes) {
        let Some(association) = &mut self.association else { return };
        if payload.len() < RECORD || self.report.failure.is_some() {
            return;
        }
        payload.advance(RECORD);
        if association.handle_packet(now, payload) {
            self.heard = now;
        }
        self.take(now);
    }

    fn handle_timeout(&mut self, now: SimTime) {
        let Some(association) = &mut self.association else { return };
        if self.report.failure.is_some() {
            return;
        }
        association.handle_timeout(now);
        self.take(now);
        if !self.is_done && self.heard + IDLE <= now {
            let failure = match (self.report.connected, self.peer) {
                (Some(_), _) => format!("nothing arrived for {IDLE}"),
                (None, 0) => format!("the other side did not answer for {IDLE}: no association"),
                (None, _) => format!("the other side did not connect in {IDLE}: no association"),
            };
            self.fail(failure);
            self.association.as_mut().map(Association::close);
        }
    }

    fn poll_transmit(&mut self, now: SimTime, datagram: &mut Vec<u8>) -> bool {
        self.write(now);
        let Some(association) = &mut self.association else { return false };
        let Some(packet) = association.poll_packet(now) else { return false };
        datagram.resize(datagram.len() + RECORD, 0);
        datagram.extend_from_slice(&packet);
        true
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        if self.report.failure.is_some() {
            return None;
        }
        let timer = self.association.as_ref()?.poll_timeout();
        let idle = (!self.is_done).then(|| self.heard + IDLE);
        timer.into_iter().chain(idle).chain(self.deadline()).min()
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn report(&self) -> SideReport {
        let mut report = self.report.clone();
        if let Some(Association { chunks, .. }) = &self.association {
            report.datagrams_sent = chunks.packets;
            report.datagrams_retransmitted = chunks.packets_again;
            report.retransmitted_bytes = chunks.bytes_again;
            report.round_trip = chunks.round_trip();
        }
        SideReport::Transfer(Box::new(report))
    }
}
