//! How long a flow lives: idle timers by protocol and state, one set for NATs and firewalls.

use natbed_packet::{Packet, Protocol};
use natbed_units::{SimDuration, SimTime};

use crate::direction::Direction;
use crate::tcp::{self, TcpPhase, TcpState};
use crate::{FirewallConfig, NatConfig};

/// Ports below are the well-known ones (RFC 4787 REQ-5a, RFC 6092 REC-15).
const WELL_KNOWN: u16 = 1024;

/// The idle times of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timers {
    udp: SimDuration,
    udp_stream: SimDuration,
    udp_stream_after: SimDuration,
    udp_well_known: Option<SimDuration>,
    tcp_opening: SimDuration,
    tcp_established: SimDuration,
    tcp_closing: SimDuration,
    tcp_reset: SimDuration,
    icmp: SimDuration,
}

/// What a flow has seen, as far as its idle time depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    clock: Clock,
    /// Which way the packet went that opened the flow.
    pub(crate) opener: Direction,
    /// Whether a packet went the other way since; TCP has its own account.
    replied: bool,
    pub(crate) created: SimTime,
}

/// Which timers hold for a flow; decided once, so that a packet costs one branch.
#[derive(Clone, Copy, Debug)]
enum Clock {
    Udp,
    /// UDP to a well-known port, if that has a timer of its own.
    WellKnownUdp,
    Tcp(TcpState),
    Icmp,
}

impl Lifetime {
    /// The life of a flow that `packet` opens now, at a box with these timers.
    pub(crate) fn opened_by(
        packet: &Packet,
        opener: Direction,
        now: SimTime,
        timers: &Timers,
    ) -> Self {
        let is_well_known =
            packet.destination_endpoint().is_some_and(|endpoint| endpoint.port < WELL_KNOWN);
        let clock = match packet.protocol() {
            Protocol::Udp if is_well_known && timers.udp_well_known.is_some() => {
                Clock::WellKnownUdp
            }
            Protocol::Udp => Clock::Udp,
            Protocol::Tcp => Clock::Tcp(TcpState::opened_by(tcp::flags(packet), opener)),
            Protocol::Icmp => Clock::Icmp,
        };
        Self { clock, opener, replied: false, created: now }
    }

    /// When the flow ends if nothing more passes, seen at its opening.
    pub(crate) fn first_expiry(&self, timers: &Timers) -> SimTime {
        self.created + self.timeout(timers, self.created, false)
    }

    /// Takes notice of a packet that passes; returns the new expiry, `None` if the old one stays.
    ///
    /// A segment that does not refresh the flow may still shorten its life: after a reset or the
    /// second FIN the established timer holds for it no more.
    #[inline(always)]
    pub(crate) fn pass(
        &mut self,
        packet: &Packet,
        direction: Direction,
        now: SimTime,
        timers: &Timers,
        (refreshes, expires): (bool, SimTime),
    ) -> Option<SimTime> {
        let answers = direction != self.opener;
        if let Clock::Tcp(state) = &mut self.clock {
            let renewed = pass_segment(state, packet, direction, now, timers);
            return Some(if refreshes { renewed } else { renewed.min(expires) });
        }
        let renewed = refreshes.then(|| now + self.timeout(timers, now, answers));
        self.replied |= answers;
        renewed
    }

    /// The idle time that a packet passing now gives; `answers` if it goes against the opener.
    #[inline(always)]
    fn timeout(&self, timers: &Timers, now: SimTime, answers: bool) -> SimDuration {
        match self.clock {
            Clock::WellKnownUdp => timers.udp_well_known.unwrap_or(timers.udp),
            Clock::Tcp(state) => timers.tcp(state),
            Clock::Icmp => timers.icmp,
            Clock::Udp => {
                let stream_after = timers.udp_stream_after;
                let is_stream = if stream_after.is_zero() {
                    self.replied || answers
                } else {
                    self.replied && now > self.created + stream_after
                };
                if is_stream { timers.udp_stream } else { timers.udp }
            }
        }
    }
}

/// Takes notice of a TCP segment; returns when its connection ends if nothing more passes.
#[inline(never)]
fn pass_segment(
    state: &mut TcpState,
    packet: &Packet,
    direction: Direction,
    now: SimTime,
    timers: &Timers,
) -> SimTime {
    state.pass(tcp::flags(packet), direction);
    now + timers.tcp(*state)
}

impl Timers {
    fn tcp(&self, state: TcpState) -> SimDuration {
        match state.phase() {
            TcpPhase::Opening => self.tcp_opening,
            TcpPhase::Established => self.tcp_established,
            TcpPhase::Closing => self.tcp_closing,
            TcpPhase::Reset => self.tcp_reset,
        }
    }
}

macro_rules! timers_of {
    ($($config:ty),+) => {$(
        impl From<&$config> for Timers {
            fn from(config: &$config) -> Self {
                Self {
                    udp: config.udp_timeout,
                    udp_stream: config.udp_stream_timeout,
                    udp_stream_after: config.udp_stream_after,
                    udp_well_known: config.udp_well_known_timeout,
                    tcp_opening: config.tcp_opening_timeout,
                    tcp_established: config.tcp_timeout,
                    tcp_closing: config.tcp_closing_timeout,
                    tcp_reset: config.tcp_reset_timeout,
                    icmp: config.icmp_timeout,
                }
            }
        }
    )+};
}

timers_of!(NatConfig, FirewallConfig);

/// The name and the value of each idle time of a configuration, for its validation.
pub(crate) fn idle_times(timers: &Timers) -> [(&'static str, SimDuration); 8] {
    [
        ("udp_timeout", timers.udp),
        ("udp_stream_timeout", timers.udp_stream),
        // Not set is as good as any value that is allowed.
        ("udp_well_known_timeout", timers.udp_well_known.unwrap_or(timers.udp)),
        ("tcp_timeout", timers.tcp_established),
        ("tcp_opening_timeout", timers.tcp_opening),
        ("tcp_closing_timeout", timers.tcp_closing),
        ("tcp_reset_timeout", timers.tcp_reset),
        ("icmp_timeout", timers.icmp),
    ]
}
