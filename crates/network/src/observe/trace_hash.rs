//! One number over everything that happened.

use natbed_packet::{Body, Packet, wire};
use twox_hash::XxHash3_64;

use crate::address::key;
use crate::observer::{Hop, Observer, Step};

/// A running hash over every packet sent, delivered and dropped: when, where, why, and its bytes.
///
/// Two runs with the same hash went the same way, packet by packet and nanosecond by nanosecond.
/// The hash is xxh3 (64 bits), chained from record to record, with fields in a fixed byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceHash(u64);

impl TraceHash {
    /// Returns the hash of all records so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0 = XxHash3_64::oneshot_with_seed(self.0, bytes);
    }

    fn add_packet(&mut self, hop: &Hop<'_>, step: u8, host: u32) {
        let packet = hop.packet;
        let mut record = [0; 64];
        record[0..8].copy_from_slice(&hop.at.as_nanos().to_le_bytes());
        record[8..16].copy_from_slice(&hop.id.to_le_bytes());
        record[16..32].copy_from_slice(&key(packet.source).to_le_bytes());
        record[32..48].copy_from_slice(&key(packet.destination).to_le_bytes());
        record[48..52].copy_from_slice(&host.to_le_bytes());
        record[52] = step;
        record[53] = packet.ttl;
        record[58] = packet.ecn.bits();
        record[59] = packet.is_corrupt.into();
        if let Body::Udp(udp) = &packet.body {
            record[54..56].copy_from_slice(&udp.source_port.to_le_bytes());
            record[56..58].copy_from_slice(&udp.destination_port.to_le_bytes());
            self.add(&record);
            self.add(&udp.payload);
        } else {
            self.add(&record);
            self.add_encoded(packet);
        }
    }

    /// Other bodies are rare; their wire form is their canonical byte order.
    fn add_encoded(&mut self, packet: &Packet) {
        match wire::encode(packet) {
            Ok(bytes) => self.add(&bytes),
            Err(error) => self.add(error.to_string().as_bytes()),
        }
    }
}

impl Observer for TraceHash {
    fn observe(&mut self, hop: &Hop<'_>) {
        match hop.step {
            Step::Sent => self.add_packet(hop, 1, 0),
            Step::Delivered(host) => self.add_packet(hop, 2, host.0),
            Step::Dropped(_, reason) => {
                self.add_packet(hop, 3, 0);
                self.add(reason.code().as_bytes());
            }
            Step::Refused(host, reason) => {
                self.add_packet(hop, 4, host.0);
                self.add(reason.code().as_bytes());
            }
            Step::Taken(router) => self.add_packet(hop, 5, router.0),
            Step::Made(_) => self.add_packet(hop, 6, 0),
            Step::Joined(_) => self.add_packet(hop, 7, 0),
            Step::Entered(_) | Step::Left(_) | Step::Translated(..) => {}
        }
    }
}
