//! Bytes of packets.
