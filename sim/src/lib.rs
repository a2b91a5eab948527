//! natbed
