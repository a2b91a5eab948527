//! Capture files in pcapng (draft-ietf-opsawg-pcapng), as Wireshark and tshark read them.
//!
//! One section, little endian on every machine, so that the same run gives the
//! same bytes. Every interface is of link type RAW (an IP packet and nothing
//! before it) with timestamps in nanoseconds, and may be added when packets
//! have been written already.

use std::io;

use natbed_units::SimTime;
use thiserror::Error;

use crate::Packet;
use crate::wire::{EncodeError, encode_into};

#[cfg(test)]
mod tests;

/// The start of a run on the clock of a capture: 2023-11-14 22:13:20 UTC, in nanoseconds since 1970.
///
/// Fixed, since a real date would give every capture of one run other bytes.
pub const EPOCH_UNIX_NANOS: u64 = 1_700_000_000_000_000_000;

/// Block types and options of the draft, sections 4.1 to 4.4.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const LINKTYPE_RAW: u16 = 101;
const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;

/// An interface of one capture file; [`Writer::add_interface`] gives it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(u32);

/// Which way a packet crossed the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The owner of the interface received the packet.
    Inbound,
    /// The owner of the interface sent the packet.
    Outbound,
}

/// Why a packet was not written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The packet has no bytes; nothing was written, and the capture can go on.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The interface is not one of this file; nothing was written, and the capture can go on.
    #[error("interface {} was never added to this capture", .0.0)]
    UnknownInterface(InterfaceId),
    /// The file could not be written, and may end within a block.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes a capture file.
///
/// Every call writes its block through, so give a buffered writer for a file.
#[derive(Debug)]
pub struct Writer<W> {
    inner: W,
    epoch_unix_nanos: u64,
    interfaces: u32,
    /// The block being built; kept for its memory.
    block: Vec<u8>,
}

impl<W: io::Write> Writer<W> {
    /// Begins a capture in `inner` whose time zero is [`EPOCH_UNIX_NANOS`].
    ///
    /// # Errors
    ///
    /// What `inner` reports.
    pub fn new(inner: W) -> io::Result<Self> {
        Self::with_epoch(inner, EPOCH_UNIX_NANOS)
    }

    /// Begins a capture with another time zero, in nanoseconds since 1970.
    ///
    /// # Errors
    ///
    /// What `inner` reports.
    pub fn with_epoch(inner: W, epoch_unix_nanos: u64) -> io::Result<Self> {
        let mut writer = Self { inner, epoch_unix_nanos, interfaces: 0, block: Vec::new() };
        writer.begin(SECTION_HEADER);
        writer.block.extend(BYTE_ORDER_MAGIC.to_le_bytes());
        writer.block.extend(1_u16.to_le_bytes());
        writer.block.extend(0_u16.to_le_bytes());
        // The length of the section is unknown until the end.
        writer.block.extend(u64::MAX.to_le_bytes());
        writer.option(SHB_USERAPPL, b"natbed");
        writer.option(OPT_END, b"");
        writer.end()?;
        Ok(writer)
    }

    /// Adds an interface, at any time before its first packet.
    ///
    /// Text longer than 65535 bytes is cut at a character.
    ///
    /// # Errors
    ///
    /// What the writer below reports.
    pub fn add_interface(&mut self, name: &str, description: &str) -> io::Result<InterfaceId> {
        let id = InterfaceId(self.interfaces);
        let interfaces = self.interfaces.checked_add(1).ok_or(io::ErrorKind::InvalidInput)?;
        self.begin(INTERFACE_DESCRIPTION);
        self.block.extend(LINKTYPE_RAW.to_le_bytes());
        self.block.extend(0_u16.to_le_bytes());
        // No limit on the captured length.
        self.block.extend(0_u32.to_le_bytes());
        self.text_option(IF_NAME, name);
        self.text_option(IF_DESCRIPTION, description);
        self.option(IF_TSRESOL, &[9]);
        self.option(OPT_END, b"");
        self.end()?;
        self.interfaces = interfaces;
        Ok(id)
    }

    /// Writes one packet as `interface` saw it at `now`.
    ///
    /// The comment stands beside the packet in Wireshark: what a NAT made of
    /// it, why it was dropped. Longer than 65535 bytes it is cut at a
    /// character. Packets need not come in the order of their times.
    ///
    /// # Errors
    ///
    /// [`WriteError`] says whether the capture can go on.
    pub fn write_packet(
        &mut self,
        interface: InterfaceId,
        now: SimTime,
        direction: Direction,
        packet: &Packet,
        comment: Option<&str>,
    ) -> Result<(), WriteError> {
        if interface.0 >= self.interfaces {
            return Err(WriteError::UnknownInterface(interface));
        }
        let time = self.epoch_unix_nanos.saturating_add(now.as_nanos());
        self.begin(ENHANCED_PACKET);
        self.block.extend(interface.0.to_le_bytes());
        self.block.extend(((time >> 32) as u32).to_le_bytes());
        self.block.extend((time as u32).to_le_bytes());
        // Captured and original length, known once the packet is encoded.
        let lengths_at = self.block.len();
        self.block.extend([0; 8]);
        let packet_at = self.block.len();
        encode_into(packet, &mut self.block)?;
        let length = ((self.block.len() - packet_at) as u32).to_le_bytes();
        self.block[lengths_at..][..4].copy_from_slice(&length);
        self.block[lengths_at + 4..][..4].copy_from_slice(&length);
        self.pad();
        let flags: u32 = match direction {
            Direction::Inbound => 0b01,
            Direction::Outbound => 0b10,
        };
        self.option(EPB_FLAGS, &flags.to_le_bytes());
        if let Some(comment) = comment {
            self.text_option(OPT_COMMENT, comment);
        }
        self.option(OPT_END, b"");
        Ok(self.end()?)
    }

    /// Ends the capture and gives the writer below back, flushed.
    ///
    /// # Errors
    ///
    /// What the writer below reports.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.flush()?;
        Ok(self.inner)
    }

    fn begin(&mut self, block_type: u32) {
        self.block.clear();
        self.block.extend(block_type.to_le_bytes());
        // The block's length, see `end`.
        self.block.extend([0; 4]);
    }

    /// Writes the block, whose length stands at its front and its end.
    fn end(&mut self) -> io::Result<()> {
        let length = (self.block.len() as u32 + 4).to_le_bytes();
        self.block[4..8].copy_from_slice(&length);
        self.block.extend(length);
        self.inner.write_all(&self.block)
    }

    fn text_option(&mut self, code: u16, text: &str) {
        let mut end = text.len().min(usize::from(u16::MAX));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.option(code, &text.as_bytes()[..end]);
    }

    /// Appends an option; `value` is at most 65535 bytes long.
    fn option(&mut self, code: u16, value: &[u8]) {
        self.block.extend(code.to_le_bytes());
        self.block.extend((value.len() as u16).to_le_bytes());
        self.block.extend_from_slice(value);
        self.pad();
    }

    /// Everything begins at a multiple of four bytes.
    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }
}
