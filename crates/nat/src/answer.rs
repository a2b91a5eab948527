//! Packets that a box makes itself.

use natbed_packet::Packet;

/// Which side of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The protected or internal side.
    Inside,
    /// The side of the Internet.
    Outside,
}

/// A packet that a box sends of its own accord, some time after what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The side it leaves on.
    pub side: Side,
    /// The packet, complete with its source address.
    pub packet: Packet,
}
