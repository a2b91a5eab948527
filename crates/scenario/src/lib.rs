//! natbed-scenario
