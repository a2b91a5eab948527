//! One run: a case with a seed, from the first packet to the last.

use std::fs::File;
use std::io::{self, BufWriter};
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use natbed_load::{EchoConfig, LoadConfig, LoadSet, PlannedLoad, SideReport};
use natbed_network::HostId;
use natbed_network::observe::{Capture, PayloadTag, RouteChange, Sighting};
use natbed_packet::pcapng::WriteError;
use natbed_peer::{
    AgentSource, Discovery, IceServers, RESTARTS_MAX, Restart, STUN_PORT, SessionConfig,
    SessionReport, TurnServer, TurnServerAccess, VnetHost, WebrtcAgents, run_session,
};
use natbed_runtime::{EPOCH_UNIX_SECONDS, Handle, Host, Limits, RunEnd, World};
use natbed_scenario as scenario;
use natbed_scenario::{Load, NamedLoad, Scenario, Session, Stack};
use natbed_units::{Seed, SimDuration, SimTime};

use crate::events;
use crate::world::{Built, Observers, build};

/// How long a run goes on after its last session has closed, so that what closing sends arrives.
const SETTLE: SimDuration = SimDuration::from_secs(1);
/// How long tasks get to end after everything was closed. An agent gives up the TURN requests that
/// it has queued one after the other, each in 7.8 s of retransmissions that nobody hears: 17 of
/// them when two symmetric NATs kept making peer-reflexive candidates.
const TEARDOWN_MAX: SimDuration = SimDuration::from_secs(600);

/// What a run observed.
#[derive(Debug)]
pub struct RunOutput {
    /// The sessions' reports in the scenario's order; `None` for one that had not ended.
    pub sessions: Vec<Option<SessionReport>>,
    /// What each session's loads came to, each load's first side being that of the first peer;
    /// empty for a session that had not ended.
    pub loads: Vec<Vec<[SideReport; 2]>>,
    /// What the witness saw of each session.
    pub sightings: Vec<Sighting>,
    /// Which way each session's payload went from when on.
    pub routes: Vec<Vec<RouteChange>>,
    /// The hosts of the network in the scenario's order.
    pub hosts: Vec<HostId>,
    /// Why the run ended.
    pub end: RunEnd,
    /// When it ended.
    pub ended: SimTime,
    /// Events of the network and the runtime.
    pub events: u64,
    /// Tasks that were still alive at the end, when they were dropped with their runtime; zero
    /// unless a stack has more to give up than it got time for.
    pub tasks_left: usize,
    /// The hash over every packet.
    pub trace_hash: u64,
    /// Packets sent, delivered and dropped.
    pub counters: natbed_network::observe::Counters,
}

/// Runs a scenario once, on a thread that `natbed_runtime` has made a simulation thread.
///
/// # Errors
///
/// When the capture cannot be written, when a server or agent cannot be set up, or when a task of
/// the run panicked.
pub fn run(scenario: &Scenario, seed: Seed, pcap: Option<&Path>) -> anyhow::Result<RunOutput> {
    let Built { mut network, parts } = build(scenario, seed)?;
    let parts = Rc::new(parts);
    let tags: Vec<_> = (0..scenario.sessions.len()).map(|n| PayloadTag::new(n as u32)).collect();
    for (session, tag) in scenario.sessions.iter().zip(&tags) {
        network.observer_mut().witness.watch(*tag, session.between.map(|host| parts.hosts[host.0]));
    }
    if let Some(path) = pcap {
        let capture = open_capture(path, &network)
            .with_context(|| format!("cannot write the capture {}", path.display()))?;
        network.observer_mut().capture = Some(capture);
    }
    let limits = Limits {
        horizon: SimTime::ZERO + scenario.horizon,
        events: scenario.sessions.iter().map(|session| events_max(scenario, session)).sum(),
        ..Limits::default()
    };
    let mut world = World::new(network, seed, limits);
    let refusal = events::schedule(&mut world, scenario, &parts);

    let reports = Arc::new(Mutex::new(vec![None; scenario.sessions.len()]));
    let plan = Plan::new(&mut world, scenario, &parts.hosts, &tags, seed, Arc::clone(&reports))?;
    let finished = world.run_async(plan.carry_out())?;
    if let Some(result) = finished.output {
        result?;
    }
    if let Some(refused) = refusal.take() {
        return Err(refused).context("an event could not be carried out");
    }

    let events = finished.report.events + world.network().events();
    let observers = world.into_network().into_observer();
    let Observers { trace, counters, witness, capture } = observers;
    if let (Some(capture), Some(path)) = (capture, pcap) {
        let sink = capture.finish().map_err(io_error);
        sink.and_then(|sink| sink.into_inner().map_err(io::IntoInnerError::into_error))
            .with_context(|| format!("cannot write the capture {}", path.display()))?;
    }
    let reports = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
    let (sessions, loads) = reports.into_iter().map(Option::unzip).unzip();
    let loads: Vec<Option<_>> = loads;
    Ok(RunOutput {
        sessions,
        loads: loads.into_iter().map(Option::unwrap_or_default).collect(),
        routes: tags.iter().map(|tag| witness.route_changes(*tag).to_vec()).collect(),
        hosts: parts.hosts.clone(),
        sightings: tags.iter().map(|tag| witness.sighting(*tag).unwrap_or_default()).collect(),
        end: finished.report.end,
        ended: finished.report.at,
        events,
        tasks_left: finished.report.tasks_left,
        trace_hash: trace.value(),
        counters,
    })
}

/// How many events a run may take for a session: several times what connecting, as often as it may
/// restart, its load and keepalives until the horizon take.
///
/// What takes more keeps itself busy. Two symmetric NATs that filter loosely, without a relay, make
/// `webrtc-ice` find one peer-reflexive candidate after the other, each costing more than the last.
fn events_max(scenario: &Scenario, session: &Session) -> u64 {
    const CONNECTING: u64 = 100_000;
    const PER_SECOND: u64 = 100;
    const PER_ECHO: u64 = 100;
    let count = session.loads.iter().map(|load| match load.load {
        Load::Echo { count, .. } => count,
        _ => 0,
    });
    let count: u32 = count.sum();
    let attempts = match session.restart {
        scenario::Restart::Never => 1,
        scenario::Restart::Disconnected | scenario::Restart::Failed => 1 + RESTARTS_MAX as u64,
    };
    let seconds = scenario.horizon.as_nanos() / 1_000_000_000;
    CONNECTING * attempts + PER_SECOND * seconds + PER_ECHO * u64::from(count)
}

fn open_capture(
    path: &Path,
    network: &natbed_network::Network<Observers>,
) -> io::Result<Capture<BufWriter<File>>> {
    let epoch_unix_nanos = EPOCH_UNIX_SECONDS * 1_000_000_000;
    let sink = BufWriter::new(File::create(path)?);
    Capture::new(sink, epoch_unix_nanos, network).map_err(io_error)
}

fn io_error(error: WriteError) -> io::Error {
    match error {
        WriteError::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// What the async side of a run has to do.
struct Plan {
    handle: Handle,
    servers: Vec<(Host, Vec<(String, String)>)>,
    /// The hosts that have an agent, each once.
    peers: Vec<Host>,
    sessions: Vec<PlannedSession>,
    reports: Reports,
}

/// What each session came to, and its loads.
type Reports = Arc<Mutex<Vec<Option<(SessionReport, Vec<[SideReport; 2]>)>>>>;

struct PlannedSession {
    /// Indices into the plan's peers.
    peers: [usize; 2],
    stack: Stack,
    servers: IceServers,
    config: SessionConfig,
    load: Arc<LoadSet>,
}

impl Plan {
    fn new(
        world: &mut World<Observers>,
        scenario: &Scenario,
        hosts: &[HostId],
        tags: &[PayloadTag],
        seed: Seed,
        reports: Reports,
    ) -> anyhow::Result<Self> {
        let handle = world.handle();
        let servers = scenario
            .hosts
            .iter()
            .zip(hosts)
            .filter(|(host, _)| host.serve.stun || host.serve.turn.is_some())
            .map(|(host, id)| {
                let users = host.serve.turn.as_ref().map_or(Vec::new(), |turn| turn.users.clone());
                (world.host(*id), users)
            })
            .collect();
        let mut peers: Vec<Host> = Vec::new();
        let mut peer_of = |host: scenario::HostIndex| {
            let id = hosts[host.0];
            peers.iter().position(|known| known.id() == id).unwrap_or_else(|| {
                peers.push(world.host(id));
                peers.len() - 1
            })
        };
        let sessions = scenario
            .sessions
            .iter()
            .zip(tags)
            .map(|(session, tag)| {
                let seed = seed.derive(&format!("session/{}", session.name));
                let load = LoadSet::new(&handle, *tag, &loads(session), seed)
                    .with_context(|| format!("session {}", session.name))?;
                Ok(PlannedSession {
                    peers: session.between.map(&mut peer_of),
                    stack: session.stack,
                    servers: ice_servers(scenario, session),
                    config: session_config(session),
                    load: Arc::new(load),
                })
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { handle, servers, peers, sessions, reports })
    }

    async fn carry_out(self) -> anyhow::Result<()> {
        let Self { handle, servers, peers, sessions, reports } = self;
        let mut running = Vec::with_capacity(servers.len());
        for (host, users) in &servers {
            running.push(TurnServer::start(host, users).await?);
        }
        let mut vnets = Vec::with_capacity(peers.len());
        for host in peers {
            vnets.push(Arc::new(VnetHost::new(&handle, host).await?));
        }
        let mut tasks = Vec::with_capacity(sessions.len());
        for PlannedSession { peers, stack, servers, config, load } in sessions {
            let sources = peers.map(|peer| -> Arc<dyn AgentSource> {
                let host = Arc::clone(&vnets[peer]);
                match stack {
                    Stack::WebrtcIce => Arc::new(WebrtcAgents::new(&handle, host, servers.clone())),
                    Stack::None => unimplemented!("until there are sessions without a stack"),
                }
            });
            let agents = [sources[0].agent().await?, sources[1].agent().await?];
            let clock = handle.clone();
            let session = async move {
                let report = run_session(&clock, config, agents, sources, &*load).await;
                (report, load.reports())
            };
            tasks.push(handle.spawn(session));
        }
        for (index, task) in tasks.into_iter().enumerate() {
            let report = task.await?;
            reports.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(report);
        }
        handle.sleep(SETTLE).await;
        for server in running {
            server.close().await;
        }
        for vnet in vnets {
            vnet.close().await;
        }
        until_alone(&handle).await;
        Ok(())
    }
}

/// Waits until no task but this one is left, or for as long as tearing down may take.
async fn until_alone(handle: &Handle) {
    let deadline = handle.now() + TEARDOWN_MAX;
    let tasks = tokio::runtime::Handle::current().metrics();
    while tasks.num_alive_tasks() > 1 && handle.now() < deadline {
        handle.sleep(SimDuration::from_millis(100)).await;
    }
}

fn ice_servers(scenario: &Scenario, session: &Session) -> IceServers {
    let address =
        |host: &scenario::HostIndex| SocketAddr::new(scenario.hosts[host.0].address(), STUN_PORT);
    let turn = session.turn.iter().filter_map(|host| {
        let service = scenario.hosts[host.0].serve.turn.as_ref()?;
        let (user, password) = service.users.first()?.clone();
        Some(TurnServerAccess { address: address(host), user, password })
    });
    let turn: Vec<_> = turn.collect();
    // Agents ask TURN servers for a server-reflexive address as well. Naming the same server twice
    // would only give them a second socket and a second candidate of the same kind.
    let is_turn = |address: &SocketAddr| turn.iter().any(|server| server.address == *address);
    let stun = session.stun.iter().map(address).filter(|address| !is_turn(address)).collect();
    IceServers { stun, turn }
}

fn session_config(session: &Session) -> SessionConfig {
    let scenario::Discovery::Rendezvous { delay } = session.discovery;
    SessionConfig {
        discovery: Discovery::Rendezvous { delay },
        start: session.start,
        hold: session.hold,
        restart: match session.restart {
            scenario::Restart::Never => Restart::Never,
            scenario::Restart::Disconnected => Restart::Disconnected,
            scenario::Restart::Failed => Restart::Failed,
        },
    }
}

fn loads(session: &Session) -> Vec<PlannedLoad> {
    let config = |load: &NamedLoad| match load.load {
        Load::Echo { count, interval, size } => {
            let size = usize::try_from(size.bytes()).unwrap_or(0);
            LoadConfig::Echo(EchoConfig { count, interval, size })
        }
        _ => unimplemented!("until the loads are there"),
    };
    let plan = |load| PlannedLoad { config: config(load), after: load.after };
    session.loads.iter().map(plan).collect()
}
