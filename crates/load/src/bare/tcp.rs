//! The `tcp` loads of a session.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use natbed_runtime::{Congestion, Handle, Host, TcpConfig, TcpListener, TcpStream};
use natbed_units::{ByteCount, SimDuration, SimTime};
use tokio::task::JoinSet;

use super::transfer::transfer;
use super::{BareConfig, lock};
use crate::config::LoadError;
use crate::series::Series;
use crate::side::SideReport;
use crate::transfer::{TransferConfig, TransferReport};

/// How long an unanswered segment is waited for, and a connection that nobody makes: as long as
/// other loads wait.
pub(super) const TIMEOUT: SimDuration = SimDuration::from_secs(30);

/// A bulk transfer over TCP, between sockets of two hosts.
///
/// The first host connects, the second one listens. A sender closes its half of the connection when
/// everything is written; the other half is closed when the end of the first was read. What was
/// sent counts when it was written into the connection's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpTransfer {
    /// What it sends; a time counts from the start of the load, connecting included.
    pub transfer: TransferConfig,
    /// How the senders find out how much the path takes.
    pub congestion: Congestion,
    /// Bytes of each buffer, of the senders and of the receivers: 1 KiB to 64 MiB.
    pub window: ByteCount,
}

impl TcpTransfer {
    /// Checks that the transfer can be made as it is described.
    ///
    /// # Errors
    ///
    /// When the window is out of its range.
    pub fn validate(&self) -> Result<(), LoadError> {
        if (1 << 10..=64 << 20).contains(&self.window.bytes()) {
            return Ok(());
        }
        let message = format!("its window is {}, not 1 KiB to 64 MiB", self.window);
        Err(LoadError::Transport { transport: "TCP", message })
    }

    fn settings(&self) -> TcpConfig {
        TcpConfig {
            congestion: self.congestion,
            timeout: TIMEOUT,
            connect_timeout: TIMEOUT,
            ..TcpConfig::with_buffers(self.window)
        }
    }
}

/// A TCP load of a session, and what is seen of it.
pub(crate) struct TcpLoad {
    pub(super) config: TcpTransfer,
    after: SimDuration,
    sides: [Mutex<TcpSide>; 2],
}

/// What one host sees of it.
#[derive(Default)]
pub(super) struct TcpSide {
    pub(super) report: TransferReport,
    /// The connection, as long as it is in use.
    pub(super) stream: Option<Arc<TcpStream>>,
}

impl TcpSide {
    /// What it has come to by now.
    fn report(&self) -> TransferReport {
        let mut report = self.report.clone();
        if let Some(stream) = &self.stream {
            note_statistics(&mut report, stream);
        }
        report
    }

    /// Ends the use of the connection, which closes it.
    pub(super) fn release(&mut self) {
        if let Some(stream) = self.stream.take() {
            note_statistics(&mut self.report, &stream);
        }
    }

    pub(super) fn fail(&mut self, failure: &dyn ToString) {
        self.report.failure.get_or_insert_with(|| failure.to_string());
    }
}

fn note_statistics(report: &mut TransferReport, stream: &TcpStream) {
    let statistics = stream.statistics();
    report.datagrams_sent = statistics.segments_sent;
    report.datagrams_retransmitted = statistics.segments_retransmitted;
    report.retransmitted_bytes = statistics.bytes_retransmitted;
}

impl TcpLoad {
    pub(crate) fn new(config: TcpTransfer, after: SimDuration) -> Self {
        let side = |peer| {
            let offered_bytes = config.transfer.bytes(peer).map(ByteCount::bytes);
            let report = TransferReport { offered_bytes, ..TransferReport::default() };
            Mutex::new(TcpSide { report, stream: None })
        };
        Self { config, after, sides: [side(0), side(1)] }
    }

    /// What one host has seen so far.
    pub(crate) fn report(&self, peer: usize) -> TransferReport {
        self.with_side(peer, |side| side.report())
    }

    pub(crate) fn reports(&self) -> [SideReport; 2] {
        [0, 1].map(|peer| SideReport::Transfer(Box::new(self.report(peer))))
    }

    /// Says that it was not even tried.
    pub(crate) fn refuse(&self, reason: &str) {
        (0..2).for_each(|peer| self.with_side(peer, |side| side.fail(&reason)));
    }

    pub(super) fn with_side<T>(&self, peer: usize, f: impl FnOnce(&mut TcpSide) -> T) -> T {
        f(&mut lock(&self.sides[peer]))
    }

    fn start(&self, peer: usize, now: SimTime) {
        let sample = self.config.transfer.sample;
        self.with_side(peer, |side| {
            side.report.started = Some(now);
            side.report.series = sample.map(|interval| Series::new(now, interval));
        });
    }

    /// The first host's part.
    async fn call(self: Arc<Self>, handle: Handle, start: SimTime, host: Host, to: SocketAddr) {
        handle.sleep_until(start).await;
        self.start(0, handle.now());
        let settings = self.config.settings();
        self.over(&handle, 0, host.connect_tcp_with(None, to, &settings).await).await;
    }

    /// The second host's part.
    async fn take(
        self: Arc<Self>,
        handle: Handle,
        start: SimTime,
        listeners: io::Result<Vec<TcpListener>>,
    ) {
        handle.sleep_until(start).await;
        self.start(1, handle.now());
        let stream = match listeners {
            Ok(listeners) => tokio::select! { biased;
                stream = accept(&listeners) => stream,
                () = handle.sleep(TIMEOUT) => {
                    Err(io::Error::other(format!("nobody connected in {TIMEOUT}")))
                }
            },
            Err(error) => Err(error),
        };
        self.over(&handle, 1, stream).await;
    }

    async fn over(&self, handle: &Handle, peer: usize, stream: io::Result<TcpStream>) {
        match stream {
            Ok(stream) => transfer(handle, self, peer, Arc::new(stream)).await,
            Err(error) => self.with_side(peer, |side| side.fail(&error)),
        }
    }
}

/// Runs all TCP loads of a session at once, to their ends.
pub(super) async fn run(
    handle: &Handle,
    config: BareConfig,
    [first, second]: &[Host; 2],
    loads: &[Arc<TcpLoad>],
) {
    let now = handle.now();
    let mut tasks = JoinSet::new();
    for (load, offset) in loads.iter().zip(0..) {
        let ports = [config.port, config.to.port()].map(|port| port.checked_add(offset));
        let [Some(port), Some(to)] = ports else {
            load.refuse("there is no such port: too many TCP loads");
            continue;
        };
        let to = SocketAddr::new(config.to.ip(), to);
        let start = now + load.after;
        let listeners = listen(second, port, &load.config.settings());
        tasks.spawn(Arc::clone(load).take(handle.clone(), start, listeners));
        tasks.spawn(Arc::clone(load).call(handle.clone(), start, first.clone(), to));
    }
    while tasks.join_next().await.is_some() {}
}

/// Listens at all addresses that the host has, of either IP version.
fn listen(host: &Host, port: u16, settings: &TcpConfig) -> io::Result<Vec<TcpListener>> {
    let addresses = host.addresses();
    let versions = [
        (IpAddr::V4(Ipv4Addr::UNSPECIFIED), addresses.iter().any(IpAddr::is_ipv4)),
        (IpAddr::V6(Ipv6Addr::UNSPECIFIED), addresses.iter().any(IpAddr::is_ipv6)),
    ];
    versions
        .into_iter()
        .filter(|(_, has_any)| *has_any)
        .map(|(any, _)| host.listen_tcp_with(SocketAddr::new(any, port), settings))
        .collect()
}

/// Waits for the first connection to any of them.
async fn accept(listeners: &[TcpListener]) -> io::Result<TcpStream> {
    poll_fn(|cx| {
        let mut ready = listeners.iter().filter_map(|listener| match listener.poll_accept(cx) {
            Poll::Ready(accepted) => Some(accepted),
            Poll::Pending => None,
        });
        ready.next().map_or(Poll::Pending, |accepted| Poll::Ready(accepted.map(|(it, _)| it)))
    })
    .await
}
