//! One session from start to teardown: gather, swap or call, check, load, hold, close.

use std::sync::Arc;

use async_trait::async_trait;
use natbed_runtime::Handle;
use natbed_units::{SimDuration, SimTime};

use crate::agent::{
    AgentError, AgentSource, Channel, IceAgent, IceDescription, Role, SelectedPair, StateChange,
};
use crate::dht::{CallDiscovery, CallLog, CallReport, exchange};
use crate::restart::{Restart, RestartReport, Supervisor};

/// How the peers learn of each other.
#[derive(Clone, Debug)]
pub enum Discovery {
    /// Out of band: when both have gathered, each has the other's candidates after this delay.
    Rendezvous {
        /// Time from the last candidate gathered to both sides having the other's.
        delay: SimDuration,
    },
    /// Through nodes of the DHT or on the LAN: the first peer calls the second one.
    Call(CallDiscovery),
}

/// What a session does; the first of two peers controls.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// How the peers learn of each other.
    pub discovery: Discovery,
    /// How much later than it has the other's candidates each peer begins its checks, at every
    /// restart too.
    pub start: [SimDuration; 2],
    /// How long the pair is kept, counted from when both agents reported a connection.
    pub hold: SimDuration,
    /// When both peers give their agents up and begin anew with fresh ones.
    pub restart: Restart,
    /// When the session is cut off, wherever it stands; its agents are then left as they are.
    pub deadline: SimTime,
}

/// What one peer of a session did and saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerReport {
    /// When it first had all its candidates.
    pub gathered: Option<SimTime>,
    /// The candidates that it handed over, each once, in the order of gathering; each is the value
    /// of a `candidate` attribute (RFC 8839 section 5.1).
    pub candidates: Vec<String>,
    /// When it first reported a connection.
    pub connected: Option<SimTime>,
    /// The states its agents entered before they were told to close, one agent's after the other's.
    pub states: Vec<StateChange>,
    /// The pair its last agent used last.
    pub pair: Option<SelectedPair>,
    /// Why its last agent has no connection.
    pub failure: Option<AgentError>,
}

/// What became of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionReport {
    /// When it started: at once, or when the first peer called.
    pub started: SimTime,
    /// The peers, the controlling one first.
    pub peers: [PeerReport; 2],
    /// How often the peers began anew, and what came of it.
    pub restarts: Vec<RestartReport>,
    /// What became of the first call, if they found each other by calling.
    pub call: Option<CallReport>,
    /// When the load sent its last datagram that carried anything new.
    pub load_sent: Option<SimTime>,
    /// Whether it was cut off by its deadline.
    pub is_cut_off: bool,
}

impl SessionReport {
    /// When both peers had first gathered.
    #[must_use]
    pub fn gathered(&self) -> Option<SimTime> {
        let [a, b] = &self.peers;
        Some(a.gathered?.max(b.gathered?))
    }

    /// When both peers had first reported a connection.
    #[must_use]
    pub fn connected(&self) -> Option<SimTime> {
        let [a, b] = &self.peers;
        Some(a.connected?.max(b.connected?))
    }

    /// Says whether the last fresh agents connected when everything had been sent already, so that
    /// their pair says nothing about the way that the payload went.
    #[must_use]
    pub fn has_begun_anew_after_its_load(&self) -> bool {
        let Some(connected) = self.restarts.last().and_then(|restart| restart.connected) else {
            return false;
        };
        self.load_sent.is_some_and(|last| last < connected)
    }
}

/// What the peers of a session send to each other once they are connected.
#[async_trait]
pub trait SessionLoad: Send + Sync {
    /// Returns how long it takes if all goes well, as far as that is known beforehand.
    ///
    /// A session that cannot connect and may restart tries again for that long.
    fn duration(&self) -> SimDuration;

    /// Returns when the last datagram was sent that carried anything new.
    fn last_sent(&self) -> Option<SimTime>;

    /// Goes on over these channels, those of the first and the second peer.
    fn attach(&self, channels: [Arc<dyn Channel>; 2]);

    /// Has nothing to send over from now on: what is due until the next channels is lost.
    fn detach(&self);

    /// Runs both peers' part to its end.
    async fn run(&self);
}

/// Runs a session between two agents and closes both.
///
/// The agents are each peer's first; without any, they come from `sources` when the session starts,
/// as those of restarts do. At the deadline it returns what there is by then and closes nothing: the
/// run is over.
pub async fn run_session(
    handle: &Handle,
    config: SessionConfig,
    agents: Option<[Arc<dyn IceAgent>; 2]>,
    sources: [Arc<dyn AgentSource>; 2],
    load: &dyn SessionLoad,
) -> SessionReport {
    if let Discovery::Call(call) = &config.discovery {
        handle.sleep_until(call.call_at.min(config.deadline)).await;
    }
    let started = handle.now();
    let agents = match agents {
        Some(agents) => agents,
        None => match (sources[0].agent().await, sources[1].agent().await) {
            (Ok(a), Ok(b)) => [a, b],
            (a, b) => {
                let failed = |failure| PeerReport { failure, ..PeerReport::default() };
                let peers = [failed(a.err()), failed(b.err())];
                return SessionReport { started, peers, ..SessionReport::default() };
            }
        },
    };
    let deadline = handle.sleep_until(config.deadline);
    let log = matches!(config.discovery, Discovery::Call(_)).then(|| Arc::new(CallLog::default()));
    let mut supervisor = Supervisor::new(handle, config, agents, sources, log.clone());
    let is_cut_off = {
        tokio::select! { biased;
            () = carry_out(handle, &mut supervisor, load) => false,
            () = deadline => true,
        }
    };
    let (peers, restarts) = match is_cut_off {
        true => supervisor.leave(),
        false => supervisor.close().await,
    };
    let call = log.map(|log| log.report());
    SessionReport { started, peers, restarts, call, load_sent: load.last_sent(), is_cut_off }
}

/// Connects, and keeps connected until the load has run and the pair was held.
async fn carry_out(handle: &Handle, supervisor: &mut Supervisor, load: &dyn SessionLoad) {
    let Some(channels) = supervisor.connect(load.duration()).await else { return };
    let release = handle.now() + supervisor.config().hold;
    load.attach(channels);
    let loaded = async {
        load.run().await;
        handle.sleep_until(release).await;
    };
    tokio::select! { biased;
        () = loaded => {}
        () = supervisor.keep_connected(load) => {}
    }
}

/// Both peers' part in getting connected once, with fresh agents.
pub(crate) struct Attempt {
    /// When each had all its candidates.
    pub(crate) gathered: [Option<SimTime>; 2],
    /// The candidates of each, which it hands over.
    pub(crate) candidates: [Vec<String>; 2],
    /// The ends of the pair, or why either peer has none.
    pub(crate) outcome: Result<[Arc<dyn Channel>; 2], [Option<AgentError>; 2]>,
}

impl Attempt {
    /// Gathers, has the candidates swapped, and checks.
    pub(crate) async fn make(
        handle: &Handle,
        config: &SessionConfig,
        agents: &[Arc<dyn IceAgent>; 2],
        log: Option<&CallLog>,
    ) -> Self {
        match &config.discovery {
            Discovery::Rendezvous { delay } => {
                Self::by_rendezvous(handle, *delay, config.start, agents).await
            }
            Discovery::Call(call) => {
                let unread = CallLog::default();
                exchange(handle, call, config.start, agents, log.unwrap_or(&unread)).await
            }
        }
    }

    async fn by_rendezvous(
        handle: &Handle,
        delay: SimDuration,
        [start_a, start_b]: [SimDuration; 2],
        [a, b]: &[Arc<dyn IceAgent>; 2],
    ) -> Self {
        let (gathered_a, gathered_b) = tokio::join!(gather(handle, a), gather(handle, b));
        let results = [gathered_a, gathered_b];
        let gathered = results.each_ref().map(|result| Some(result.as_ref().ok()?.0));
        let candidates = results.each_ref().map(|result| match result {
            Ok((_, description)) => description.candidates.clone(),
            Err(_) => Vec::new(),
        });
        let [description_a, description_b] = match results {
            [Ok((_, description_a)), Ok((_, description_b))] => [description_a, description_b],
            results => {
                let outcome = Err(results.map(Result::err));
                return Self { gathered, candidates, outcome };
            }
        };
        handle.sleep_until(handle.now() + delay).await;
        let swapped = handle.now();
        let channels = tokio::join!(
            check(handle, a, Role::Controlling, description_b, swapped + start_a),
            check(handle, b, Role::Controlled, description_a, swapped + start_b),
        );
        let outcome = match channels {
            (Ok(channel_a), Ok(channel_b)) => Ok([channel_a, channel_b]),
            (result_a, result_b) => Err([result_a.err(), result_b.err()]),
        };
        Self { gathered, candidates, outcome }
    }
}

pub(crate) async fn gather(
    handle: &Handle,
    agent: &Arc<dyn IceAgent>,
) -> Result<(SimTime, IceDescription), AgentError> {
    let description = agent.gather().await?;
    Ok((handle.now(), description))
}

pub(crate) async fn check(
    handle: &Handle,
    agent: &Arc<dyn IceAgent>,
    role: Role,
    remote: IceDescription,
    start: SimTime,
) -> Result<Arc<dyn Channel>, AgentError> {
    handle.sleep_until(start).await;
    agent.connect(role, &remote).await
}
