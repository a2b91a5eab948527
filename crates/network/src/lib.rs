//! natbed-network
