//! What media are like on the wire.

use natbed_units::{ByteCount, Rate};

/// Media of a kind: how much, in which pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaPreset {
    /// Bits per second.
    pub rate: Rate,
    /// Bytes of each datagram.
    pub size: ByteCount,
}

impl MediaPreset {
    /// Opus at 64 kbit/s in frames of 20 ms, 160 bytes each.
    ///
    /// RFC 7587 section 3.1.1 recommends 48 to 64 kbit/s for fullband mono and 64 to 128 kbit/s for
    /// fullband stereo music; 20 ms is its default frame (section 6.1).
    pub const AUDIO: Self = Self::new(64_000, 160);

    /// Video of 1280 x 720 pixels at 2.5 Mbit/s.
    ///
    /// libwebrtc's target for that resolution (`kSimulcastFormatsVP8` in `video/config/simulcast.cc`),
    /// in datagrams of at most its `kVideoMtu`.
    pub const VIDEO_720P: Self = Self::new(2_500_000, 1_200);

    /// Video of 1920 x 1080 pixels at 4 Mbit/s; source as for [`MediaPreset::VIDEO_720P`].
    pub const VIDEO_1080P: Self = Self::new(4_000_000, 1_200);

    const fn new(bits_per_second: u64, bytes: u64) -> Self {
        Self { rate: Rate::from_bits_per_second(bits_per_second), size: ByteCount::new(bytes) }
    }
}
