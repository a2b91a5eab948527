//! One TCP connection: a socket of smoltcp on an interface of its own, and what an operating
//! system adds to it.
//!
//! An interface for each connection has three uses: a segment finds its socket without a search,
//! each connection has its own path MTU, and its own generator of sequence numbers.

use std::mem;
use std::task::Waker;

use natbed_packet::{Body, Endpoint, IcmpErrorKind, Packet, Tcp, TcpFlags};
use natbed_units::{SimDuration, SimTime};
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpCidr, IpEndpoint, IpListenEndpoint};

use super::config::{Congestion, TcpConfig};
use super::frame::Port;
use super::statistics::{Sent, TcpStatistics};
use crate::simulated;

/// The two ends of a connection as its host sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flow {
    pub(super) local: Endpoint,
    pub(super) remote: Endpoint,
}

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Its listener's, until somebody accepts it.
    Listener(Endpoint),
    /// A stream's.
    Stream,
    /// Nobody's: the stream has been closed, what was written is still on its way.
    Nobody,
}

/// How long a half-open connection waits for the last segment of the handshake (Linux: five
/// retries).
const HALF_OPEN: SimDuration = SimDuration::from_secs(63);
/// How long a closed connection waits in silence for what is unacknowledged: as long as eight
/// retries take that begin after a second (Linux: eight, `tcp_orphan_retries`).
const ORPHAN: SimDuration = SimDuration::from_secs(243);
/// How long a closed connection waits for the other side to close too (Linux: `tcp_fin_timeout`).
const FIN_WAIT: SimDuration = SimDuration::from_secs(60);
/// How long a connection that both sides have closed keeps its ports: smoltcp's choice (Linux: 60 s).
const TIME_WAIT: SimDuration = SimDuration::from_secs(10);
/// After how many silent keepalive intervals a connection ends.
const KEEPALIVE_INTERVALS: u64 = 10;
/// The header of a segment with timestamps, in bytes.
const TCP_HEADER: usize = 32;
/// How many segments with data are acknowledged at once before acknowledgments are delayed.
const QUICK_ACKS: u8 = 16;
/// When to look again at a socket that wants to be looked at now and then does nothing.
const LOOK_AGAIN: SimDuration = SimDuration::from_millis(1);
/// The most packets that a connection sends in one go, more than any window holds.
const BURST_MAX: usize = 1 << 20;

pub(super) struct Connection {
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    pub(super) flow: Flow,
    pub(super) owner: Owner,
    mtu: usize,
    config: TcpConfig,
    /// What is wrong with it, until somebody has been told.
    error: Option<i32>,
    /// It is not on the network any more; what has arrived may still be read.
    is_dead: bool,
    /// Nothing more will be written, but smoltcp does not know yet.
    wants_to_close: bool,
    /// Sequence and acknowledgment number of the last segment without data, if that came last.
    last_bare: Option<(u32, u32)>,
    /// Segments with data that are still to be acknowledged at once.
    quick_acks: u8,
    heard_at: SimTime,
    /// Since when it has been waiting for an answer without hearing anything.
    silent_since: Option<SimTime>,
    /// Since when nobody's connection has waited for the other side to close.
    fin_wait_since: Option<SimTime>,
    /// Since when both sides have closed it, to the microsecond.
    time_wait_since: Option<SimTime>,
    /// When it wants to be looked at.
    pub(super) due: Option<SimTime>,
    /// When its stack will look at it.
    pub(super) armed: Option<SimTime>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    statistics: TcpStatistics,
    sent: Sent,
}

impl Connection {
    /// Makes a connection whose first segment is sent by [`drive`](Self::drive).
    pub(super) fn connecting(
        now: SimTime,
        flow: Flow,
        config: &TcpConfig,
        mtu: usize,
        seed: u64,
    ) -> Option<Box<Self>> {
        let mut connection = Self::new(now, flow, Owner::Stream, config, mtu, seed);
        let Self { interface, sockets, socket, .. } = &mut *connection;
        let remote = IpEndpoint::new(flow.remote.ip.into(), flow.remote.port);
        let local = IpEndpoint::new(flow.local.ip.into(), flow.local.port);
        let socket = sockets.get_mut::<Socket<'_>>(*socket);
        socket.connect(interface.context(), remote, local).ok()?;
        Some(connection)
    }

    /// Makes a connection that waits for the first segment.
    pub(super) fn listening(
        now: SimTime,
        flow: Flow,
        listener: Endpoint,
        config: &TcpConfig,
        mtu: usize,
        seed: u64,
    ) -> Option<Box<Self>> {
        let mut connection = Self::new(now, flow, Owner::Listener(listener), config, mtu, seed);
        let local = IpListenEndpoint::from((flow.local.ip, flow.local.port));
        connection.socket_mut().listen(local).ok()?;
        Some(connection)
    }

    fn new(
        now: SimTime,
        flow: Flow,
        owner: Owner,
        config: &TcpConfig,
        mtu: usize,
        seed: u64,
    ) -> Box<Self> {
        let buffer = |bytes: u64| SocketBuffer::new(vec![0; bytes as usize]);
        let mut socket =
            Socket::new(buffer(config.receive_buffer.bytes()), buffer(config.send_buffer.bytes()));
        socket.set_congestion_control(match config.congestion {
            Congestion::Cubic => CongestionControl::Cubic,
            Congestion::Reno => CongestionControl::Reno,
            Congestion::None => CongestionControl::None,
        });
        socket.set_nagle_enabled(config.nagle);
        socket.set_ack_delay(None);
        socket.set_keep_alive(config.keepalive.map(span));
        if config.timestamps {
            socket.set_tsval_generator(Some(timestamp));
        }
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let socket = sockets.add(socket);
        Box::new(Self {
            interface: interface(now, flow.local, mtu, seed),
            sockets,
            socket,
            flow,
            owner,
            mtu,
            config: *config,
            error: None,
            is_dead: false,
            wants_to_close: false,
            last_bare: None,
            quick_acks: QUICK_ACKS,
            heard_at: now,
            silent_since: None,
            fin_wait_since: None,
            time_wait_since: None,
            due: None,
            armed: None,
            reader: None,
            writer: None,
            statistics: TcpStatistics::default(),
            sent: Sent::default(),
        })
    }

    fn socket(&self) -> &Socket<'static> {
        self.sockets.get(self.socket)
    }

    fn socket_mut(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    /// Says whether both sides have agreed on the connection, be it open still or not.
    pub(super) fn is_synchronized(&self) -> bool {
        !matches!(self.socket().state(), State::Listen | State::SynSent | State::SynReceived)
    }

    /// Says whether the network has nothing more to expect of it.
    pub(super) fn is_gone(&self) -> bool {
        let socket = self.socket();
        // A socket that is closed and still knows its other end has a reset to send.
        self.is_dead
            || matches!(socket.state(), State::Closed | State::Listen)
                && socket.remote_endpoint().is_none()
    }

    pub(super) fn is_in_time_wait(&self) -> bool {
        self.socket().state() == State::TimeWait
    }

    /// Takes a segment, `frame` being its bytes, and sends what it brings about.
    pub(super) fn handle_segment(
        &mut self,
        now: SimTime,
        tcp: &Tcp,
        frame: &[u8],
        out: &mut Vec<Packet>,
    ) {
        if self.is_dead {
            return;
        }
        self.statistics.segments_received += 1;
        self.heard_at = now;
        if self.is_duplicate_while_closing(tcp) {
            return;
        }
        let before = self.socket().state();
        let start = out.len();
        let mut port = Port { received: Some(frame), sent: out, mtu: self.mtu };
        self.interface.poll_ingress_single(instant(now), &mut port, &mut self.sockets);
        self.count_sent(&out[start..]);
        if before != State::SynSent {
            self.silent_since = self.silent_since.map(|_| now);
        }
        if !tcp.payload.is_empty() && self.quick_acks > 0 {
            self.quick_acks -= 1;
            if self.quick_acks == 0 {
                let delay = self.config.ack_delay.map(span);
                self.socket_mut().set_ack_delay(delay);
            }
        }
        if tcp.flags.contains(TcpFlags::RST) && self.socket().state() == State::Closed {
            let is_refused = before == State::SynSent;
            self.error = Some(if is_refused { libc::ECONNREFUSED } else { libc::ECONNRESET });
        }
        // Nobody will read this: the other side has to know (RFC 1122 section 4.2.2.13).
        if self.owner == Owner::Nobody && self.socket().recv_queue() > 0 {
            self.socket_mut().abort();
        }
        self.drive(now, out);
    }

    /// Says whether a segment repeats the one before it while only a FIN is unacknowledged.
    ///
    /// smoltcp 0.14 must not see it: at the third one it means to send the first unacknowledged
    /// byte again, finds none, and has stopped the retransmission timer by then, so that the FIN
    /// would never be sent again.
    fn is_duplicate_while_closing(&mut self, tcp: &Tcp) -> bool {
        let socket = self.socket();
        let waits_for_fin =
            matches!(socket.state(), State::FinWait1 | State::Closing | State::LastAck)
                && socket.send_queue() == 0;
        let is_bare = tcp.payload.is_empty() && tcp.flags == TcpFlags::ACK;
        let bare = is_bare.then_some((tcp.sequence, tcp.acknowledgment));
        let last = mem::replace(&mut self.last_bare, bare);
        waits_for_fin && is_bare && last == bare
    }

    /// Does what has become due.
    pub(super) fn handle_timeout(&mut self, now: SimTime, out: &mut Vec<Packet>) {
        if self.silence_ends().is_some_and(|at| at <= now)
            || self.fin_wait_since.is_some_and(|since| since + FIN_WAIT <= now)
        {
            self.end(libc::ETIMEDOUT);
        } else if self.time_wait_since.is_some_and(|since| since + TIME_WAIT <= now) {
            // Not left to smoltcp, which would discard what was not read yet.
            self.leave_network();
        } else if self.keepalive_ends().is_some_and(|at| at <= now) {
            self.error = Some(libc::ETIMEDOUT);
            self.socket_mut().abort();
        }
        self.drive(now, out);
    }

    /// Takes an ICMP error about one of its segments.
    pub(super) fn handle_icmp_error(&mut self, now: SimTime, kind: IcmpErrorKind) {
        let code = match kind {
            IcmpErrorKind::TooBig { mtu } => return self.shrink(now, mtu.into()),
            IcmpErrorKind::NetUnreachable => libc::ENETUNREACH,
            IcmpErrorKind::HostUnreachable | IcmpErrorKind::TtlExceeded => libc::EHOSTUNREACH,
            IcmpErrorKind::PortUnreachable => libc::ECONNREFUSED,
            // Linux has it so: RFC 1122 knows no code 13 for IPv4 yet.
            IcmpErrorKind::AdminProhibited if self.flow.local.ip.is_ipv4() => libc::EHOSTUNREACH,
            IcmpErrorKind::AdminProhibited => libc::EACCES,
        };
        // Once a connection is established an error may pass (RFC 1122 section 4.2.3.9).
        if self.socket().state() == State::SynSent {
            self.end(code);
        }
    }

    /// Uses a smaller path MTU from now on.
    ///
    /// The segments that were too long are sent again by the retransmission timer.
    fn shrink(&mut self, now: SimTime, mtu: usize) {
        let mtu = mtu.max(least_mtu(self.flow.local));
        if mtu < self.mtu {
            self.mtu = mtu;
            // The sequence number has been drawn: the seed is of no use any more.
            self.interface = interface(now, self.flow.local, mtu, 0);
        }
    }

    /// Sends everything that may be sent now and finds out when to be looked at next.
    pub(super) fn drive(&mut self, now: SimTime, out: &mut Vec<Packet>) {
        if self.is_dead {
            self.due = None;
            return;
        }
        let at = instant(now);
        for _ in 0..BURST_MAX {
            self.close_if_sent();
            let start = out.len();
            let mut port = Port { received: None, sent: out, mtu: self.mtu };
            let result = self.interface.poll_egress(at, &mut port, &mut self.sockets);
            self.count_sent(&out[start..]);
            if result == PollResult::None {
                break;
            }
        }
        self.note_silence(now);
        let timer = self.interface.poll_at(at, &self.sockets).map(|due| {
            let due = SimTime::from_nanos(due.total_micros().max(0) as u64 * 1_000);
            if due > now { due } else { now + LOOK_AGAIN }
        });
        let fin_wait = self.fin_wait_since.map(|since| since + FIN_WAIT);
        let time_wait = self.time_wait_since.map(|since| since + TIME_WAIT);
        let ends = [self.silence_ends(), self.keepalive_ends(), fin_wait, time_wait, timer];
        self.due = ends.into_iter().flatten().min();
    }

    fn count_sent(&mut self, packets: &[Packet]) {
        let is_idle = self.socket().send_queue() == 0;
        for packet in packets {
            if let Body::Tcp(tcp) = &packet.body {
                self.sent.count(tcp, is_idle, &mut self.statistics);
            }
        }
    }

    /// Notes since when an answer has been missing.
    fn note_silence(&mut self, now: SimTime) {
        let socket = self.socket();
        let is_waiting = match socket.state() {
            State::SynSent | State::SynReceived => true,
            State::FinWait1 | State::Closing | State::LastAck => true,
            State::Established | State::CloseWait => socket.send_queue() > 0,
            State::Closed | State::Listen | State::FinWait2 | State::TimeWait => false,
        };
        let is_in_time_wait = socket.state() == State::TimeWait;
        let waits_for_fin = self.owner == Owner::Nobody && socket.state() == State::FinWait2;
        self.silent_since = is_waiting.then(|| self.silent_since.unwrap_or(now));
        self.fin_wait_since = waits_for_fin.then(|| self.fin_wait_since.unwrap_or(now));
        let micro = SimTime::from_nanos(now.as_nanos() - now.as_nanos() % 1_000);
        self.time_wait_since = is_in_time_wait.then(|| self.time_wait_since.unwrap_or(micro));
    }

    /// Returns when an answer has been missing for too long.
    fn silence_ends(&self) -> Option<SimTime> {
        let patience = match self.socket().state() {
            State::SynSent => self.config.connect_timeout,
            State::SynReceived => HALF_OPEN,
            _ if self.owner == Owner::Nobody => self.config.timeout.min(ORPHAN),
            _ => self.config.timeout,
        };
        Some(self.silent_since? + patience)
    }

    fn keepalive_ends(&self) -> Option<SimTime> {
        let is_open = matches!(
            self.socket().state(),
            State::Established | State::CloseWait | State::FinWait2
        );
        let interval = self.config.keepalive.filter(|_| is_open && !self.is_dead)?;
        Some(self.heard_at + interval * KEEPALIVE_INTERVALS)
    }

    /// Ends the connection without a word to the other side.
    pub(super) fn end(&mut self, error: i32) {
        if !self.is_dead {
            self.error = Some(error);
            self.leave_network();
        }
    }

    /// Sends and takes nothing any more; what has arrived stays where it is.
    fn leave_network(&mut self) {
        self.is_dead = true;
        self.due = None;
        (self.silent_since, self.fin_wait_since, self.time_wait_since) = (None, None, None);
        self.socket_mut().abort();
    }

    /// Takes the error that nobody has been told of.
    pub(super) fn take_error(&mut self) -> Option<i32> {
        self.error.take()
    }

    /// Takes out the wakers of those whose turn it is.
    pub(super) fn wake(&mut self, wakers: &mut Vec<Waker>) {
        let is_over = self.error.is_some() || self.is_dead;
        let socket = self.sockets.get::<Socket<'_>>(self.socket);
        if self.reader.is_some() && (is_over || socket.can_recv() || !socket.may_recv()) {
            wakers.extend(self.reader.take());
        }
        let is_opening = matches!(socket.state(), State::SynSent | State::SynReceived);
        if self.writer.is_some()
            && (is_over || !is_opening && (socket.can_send() || !socket.may_send()))
        {
            wakers.extend(self.writer.take());
        }
    }

    /// Moves bytes that have arrived to `buffer`; `None` if there are none yet.
    ///
    /// # Errors
    ///
    /// What ended the connection, once, after the last byte.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, i32> {
        if self.socket().can_recv() {
            let read = self.socket_mut().recv_slice(buffer).unwrap_or(0);
            self.statistics.bytes_read += read as u64;
            return Ok(Some(read));
        }
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        Ok(if self.socket().may_recv() { None } else { Some(0) })
    }

    /// Copies bytes to be sent from `data`; `None` if there is no room for any.
    ///
    /// # Errors
    ///
    /// What ended the connection, once; then, and after [`shut_down`](Self::shut_down), `EPIPE`.
    pub(super) fn write(&mut self, data: &[u8]) -> Result<Option<usize>, i32> {
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        if self.wants_to_close {
            return Err(libc::EPIPE);
        }
        let written = self.socket_mut().send_slice(data).map_err(|_| libc::EPIPE)?;
        self.statistics.bytes_written += written as u64;
        Ok(if written == 0 && !data.is_empty() { None } else { Some(written) })
    }

    /// Says that nothing more will be written; [`drive`](Self::drive) then sends a FIN.
    pub(super) fn shut_down(&mut self) {
        self.wants_to_close = true;
    }

    /// Tells smoltcp that nothing more will be written once all but the last segment is sent.
    ///
    /// A socket of smoltcp that is closing fills its congestion window with segments of any size,
    /// so it must not know earlier.
    fn close_if_sent(&mut self) {
        if self.wants_to_close {
            let header = if self.flow.local.ip.is_ipv4() { 20 } else { 40 };
            let segment = self.mtu - header - TCP_HEADER;
            let unsent = self.statistics.bytes_written
                - self.sent.payload().min(self.statistics.bytes_written);
            if unsent < segment as u64 {
                self.wants_to_close = false;
                self.socket_mut().close();
            }
        }
    }

    /// Ends the connection with a reset.
    pub(super) fn abort(&mut self) {
        self.socket_mut().abort();
    }

    /// Lets go of the connection, as an operating system does when its socket is closed: what was
    /// written is still sent, unless something was not read (RFC 2525 section 2.17).
    pub(super) fn let_go(&mut self) {
        self.owner = Owner::Nobody;
        match self.socket().state() {
            State::SynSent => self.end(libc::ECONNABORTED),
            State::TimeWait => {}
            _ if self.socket().recv_queue() > 0 => self.abort(),
            _ => self.shut_down(),
        }
    }

    pub(super) fn statistics(&self) -> TcpStatistics {
        let socket = self.socket();
        let statistics = self.statistics;
        TcpStatistics {
            bytes_acknowledged: statistics.bytes_written - socket.send_queue() as u64,
            bytes_received: statistics.bytes_read + socket.recv_queue() as u64,
            ..statistics
        }
    }

    /// Takes everybody who waits on it.
    pub(super) fn take_wakers(&mut self) -> impl Iterator<Item = Waker> + use<> {
        mem::take(&mut self.reader).into_iter().chain(mem::take(&mut self.writer))
    }
}

/// The smallest packet that every link of the IP version takes (RFC 791; RFC 8200 section 5).
pub(super) fn least_mtu(local: Endpoint) -> usize {
    if local.ip.is_ipv4() { 68 } else { 1280 }
}

fn interface(now: SimTime, local: Endpoint, mtu: usize, seed: u64) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut port = Port { received: None, sent: &mut Vec::new(), mtu };
    let mut interface = Interface::new(config, &mut port, instant(now));
    let prefix = if local.ip.is_ipv4() { 32 } else { 128 };
    interface.update_ip_addrs(|addresses| {
        // There is room for two.
        let _ = addresses.push(IpCidr::new(local.ip.into(), prefix));
    });
    interface
}

/// smoltcp's name for an instant. It counts microseconds, so the rest is cut off: what it wants to
/// do at a microsecond is done in its first nanosecond.
fn instant(now: SimTime) -> Instant {
    Instant::from_micros((now.as_nanos() / 1_000) as i64)
}

fn span(span: SimDuration) -> Duration {
    Duration::from_micros(span.as_nanos().div_ceil(1_000))
}

/// The clock of the timestamp option, in milliseconds (RFC 7323 section 5.4).
fn timestamp() -> u32 {
    (simulated::now().as_nanos() / 1_000_000) as u32
}
