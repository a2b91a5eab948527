//! natbed-report
