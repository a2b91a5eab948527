//! natbed-peer
