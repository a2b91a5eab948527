//! natbed-runtime
