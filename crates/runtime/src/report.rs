//! How far a run may go, and how it ended.

use natbed_units::{SimDuration, SimTime};

/// What a run may use up (law 11 of the design: limits on everything).
///
/// Reaching one ends the run with the [`RunEnd`] that says so; a full socket drops datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The virtual time at which the run ends, at most [`Limits::HORIZON_MAX`].
    pub horizon: SimTime,
    /// The most events: instants at which something happened, packets sent, packets delivered,
    /// and polls of tasks that keep each other busy without time moving, roughly.
    pub events: u64,
    /// The most datagrams that wait in one socket.
    pub socket_datagrams: usize,
    /// The most payload bytes that wait in one socket.
    pub socket_bytes: usize,
    /// The most TCP connections of one host, those that wait to be forgotten included.
    pub tcp_connections: usize,
}

impl Limits {
    /// The latest horizon, one year; a later one is taken for this one.
    pub const HORIZON_MAX: SimTime = SimTime::from_nanos(365 * 86_400 * 1_000_000_000);
}

impl Default for Limits {
    /// One virtual hour, a billion events, 1024 datagrams or 4 MiB in a socket, 4096 TCP
    /// connections on a host.
    fn default() -> Self {
        Self {
            horizon: SimTime::ZERO + SimDuration::from_secs(3_600),
            events: 1_000_000_000,
            socket_datagrams: 1_024,
            socket_bytes: 4 << 20,
            tcp_connections: 4_096,
        }
    }
}

/// Why a run ended in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunEnd {
    /// The main task returned, or something asked the run to stop.
    Stopped,
    /// Virtual time reached the horizon.
    Horizon,
    /// Nothing was left to do, now or later: no packet on its way, no timer, no runnable task.
    ///
    /// In a run whose main task has not returned, everything waits for something that will never
    /// come.
    Idle,
    /// The run used up its events; most likely some code keeps itself busy without time moving.
    EventLimit,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// Why it ended.
    pub end: RunEnd,
    /// When it ended; for [`RunEnd::Idle`], when the last thing happened, unless the run was to
    /// go on until a certain time.
    pub at: SimTime,
    /// The events it took, as [`Limits::events`] counts them.
    pub events: u64,
    /// Tasks that had not ended; they were dropped. Zero in a run without async code.
    pub tasks_left: usize,
}
