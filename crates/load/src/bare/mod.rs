//! Sessions between plain sockets: no ICE, no relay.

mod channel;
mod hello;
mod tcp;
mod transfer;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use natbed_peer::{AgentError, Channel, PeerReport, SessionReport};
use natbed_runtime::{Handle, Host};
use natbed_units::{SimDuration, SimTime};

use crate::session::LoadSet;

pub use channel::UdpChannel;
pub(crate) use tcp::TcpLoad;
pub use tcp::TcpTransfer;

/// How two hosts without a connectivity stack reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BareConfig {
    /// The port that the second host listens at, over UDP and for its first TCP load; the k-th TCP
    /// load, from 0, has the port that is k higher.
    pub port: u16,
    /// Where the first host sends to: that port at the second host, or what leads there; for the
    /// k-th TCP load the port that is k higher.
    pub to: SocketAddr,
    /// How long the sockets are kept, counted from when both hosts had heard of each other.
    pub hold: SimDuration,
    /// When the session is cut off, wherever it stands.
    pub deadline: SimTime,
}

/// Runs a session between the sockets of two hosts; the second one listens, the first one sends.
///
/// If there is any load of datagrams, the hosts greet each other first: the first host sends a
/// hello of 12 bytes every 500 ms, the second one answers each to where it came from. A host counts
/// as connected when it has heard the other one; when both have, the loads begin, each after its
/// [`PlannedLoad::after`](crate::PlannedLoad::after). A host that hears nothing for 30 s has
/// failed, and no load of datagrams begins then.
///
/// TCP loads need no greeting: their time counts from the start of the session, the second host
/// listens from then on, and if there are no others a host counts as connected when the first of
/// its connections is.
///
/// What the loads came to is asked of `load`, now and at any time. The peers' reports have no
/// candidates, states or pair; a failure names `udp` or `tcp` as the stack.
pub async fn run_bare_session(
    handle: &Handle,
    config: BareConfig,
    hosts: [Host; 2],
    load: &LoadSet,
) -> SessionReport {
    let started = handle.now();
    let peers = Mutex::new(<[PeerReport; 2]>::default());
    let deadline = handle.sleep_until(config.deadline);
    let carried_out = async {
        let over_udp = run_datagrams(handle, config, &hosts, load, &peers);
        tokio::join!(over_udp, tcp::run(handle, config, &hosts, load.tcp()));
    };
    let is_cut_off = tokio::select! { biased;
        () = carried_out => false,
        () = deadline => true,
    };
    let mut peers = peers.into_inner().unwrap_or_else(PoisonError::into_inner);
    note_tcp(&mut peers, load);
    SessionReport {
        started,
        peers,
        load_sent: natbed_peer::SessionLoad::last_sent(load),
        is_cut_off,
        ..SessionReport::default()
    }
}

/// Greets and runs the loads of datagrams, if there are any.
async fn run_datagrams(
    handle: &Handle,
    config: BareConfig,
    [first, second]: &[Host; 2],
    load: &LoadSet,
    peers: &Mutex<[PeerReport; 2]>,
) {
    if !load.has_datagrams() {
        return;
    }
    let ends = [UdpChannel::connect(first, config.to), UdpChannel::listen(second, config.port)];
    let (first, second) = match ends {
        [Ok(first), Ok(second)] => (Arc::new(first), Arc::new(second)),
        ends => {
            for (peer, end) in lock(peers).iter_mut().zip(ends) {
                peer.failure = end.err();
            }
            return;
        }
    };
    if !hello::greet(handle, &first, &second, peers).await {
        return;
    }
    let release = handle.now() + config.hold;
    let channels: [Arc<dyn Channel>; 2] = [first, second];
    natbed_peer::SessionLoad::attach(load, channels);
    load.run_datagrams().await;
    handle.sleep_until(release).await;
}

/// Fills in what TCP loads tell of a session that has no others.
fn note_tcp(peers: &mut [PeerReport; 2], load: &LoadSet) {
    if load.has_datagrams() {
        return;
    }
    for (number, peer) in peers.iter_mut().enumerate() {
        let reports: Vec<_> = load.tcp().iter().map(|load| load.report(number)).collect();
        peer.connected = reports.iter().filter_map(|report| report.connected).min();
        if peer.connected.is_none() {
            let mut failures = reports.into_iter().filter_map(|report| report.failure);
            peer.failure =
                failures.next().map(|message| failure("tcp", "connect the hosts", &message));
        }
    }
}

fn failure(stack: &'static str, action: &'static str, message: &dyn ToString) -> AgentError {
    AgentError::Stack { stack, action, message: message.to_string() }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
