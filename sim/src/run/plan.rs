//! The async side of a run: servers, agents, sessions.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use natbed_load::{BareConfig, LoadSet, run_bare_session};
use natbed_network::HostId;
use natbed_network::observe::PayloadTag;
use natbed_peer::{
    AgentSource, CallDiscovery, Discovery, IceServers, Restart, STUN_PORT, SessionConfig,
    SessionReport, TurnServer, TurnServerAccess, VnetHost, WebrtcAgents, run_session,
};
use natbed_runtime::{Handle, Host, RunEnd, World};
use natbed_scenario as scenario;
use natbed_scenario::{HostIndex, Scenario, Session, Stack};
use natbed_units::{Seed, SimDuration, SimTime};

use super::loads::planned;
use crate::dht::devices::Devices;
use crate::observers::Observers;

/// How long a run goes on after its last session has closed, so that what closing sends arrives.
const SETTLE: SimDuration = SimDuration::from_secs(1);
/// How long tasks get to end after everything was closed. An agent gives up the TURN requests that
/// it has queued one after the other, each in 7.8 s of retransmissions that nobody hears: 17 of
/// them when two symmetric NATs kept making peer-reflexive candidates.
pub(super) const TEARDOWN_MAX: SimDuration = SimDuration::from_secs(600);

/// What the async side of a run has to do.
pub(super) struct Plan {
    handle: Handle,
    servers: Vec<(Host, Vec<(String, String)>)>,
    /// The hosts that have an agent, each once.
    peers: Vec<Host>,
    devices: Devices,
    sessions: Vec<PlannedSession>,
    reports: Reports,
}

/// What each session came to; `None` of one that has not ended.
pub(super) type Reports = Arc<Mutex<Vec<Option<SessionReport>>>>;

struct PlannedSession {
    way: Way,
    load: Arc<LoadSet>,
}

/// How the hosts of a session get through to each other.
enum Way {
    /// With agents; the peers are indices into the plan's.
    Ice { peers: [usize; 2], servers: IceServers, config: SessionConfig },
    /// Without any.
    Bare { hosts: [Host; 2], config: BareConfig },
}

impl Plan {
    pub(super) fn new(
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
        let mut peer_of = |world: &mut World<Observers>, host: HostIndex| {
            let id = hosts[host.0];
            peers.iter().position(|known| known.id() == id).unwrap_or_else(|| {
                peers.push(world.host(id));
                peers.len() - 1
            })
        };
        let devices = Devices::new(world, scenario, hosts, seed)?;
        let sessions = scenario
            .sessions
            .iter()
            .zip(tags)
            .map(|(session, tag)| {
                let seed = seed.derive(&format!("session/{}", session.name));
                let load = planned(session)
                    .and_then(|loads| Ok(LoadSet::new(&handle, *tag, &loads, seed)?))
                    .with_context(|| format!("session {}", session.name))?;
                let way = match session.stack {
                    Stack::WebrtcIce => Way::Ice {
                        peers: session.between.map(|host| peer_of(world, host)),
                        servers: ice_servers(scenario, session),
                        config: session_config(scenario, session, &devices)?,
                    },
                    Stack::None => Way::Bare {
                        hosts: session.between.map(|host| world.host(hosts[host.0])),
                        config: bare_config(scenario, session)?,
                    },
                };
                Ok(PlannedSession { way, load: Arc::new(load) })
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { handle, servers, peers, devices, sessions, reports })
    }

    /// Returns the devices of the run, which tell at any time what they did and saw.
    pub(super) fn devices(&self) -> Devices {
        self.devices.clone()
    }

    /// Returns the loads of each session, which tell at any time what they have come to.
    pub(super) fn loads(&self) -> Vec<Arc<LoadSet>> {
        self.sessions.iter().map(|session| Arc::clone(&session.load)).collect()
    }

    /// Runs all sessions, and says why that ended.
    pub(super) async fn carry_out(self) -> anyhow::Result<RunEnd> {
        let Self { handle, servers, peers, devices, sessions, reports } = self;
        let mut running = Vec::with_capacity(servers.len());
        for (host, users) in &servers {
            running.push(TurnServer::start(host, users).await?);
        }
        let mut vnets = Vec::with_capacity(peers.len());
        for host in peers {
            vnets.push(Arc::new(VnetHost::new(&handle, host).await?));
        }
        devices.start();
        let mut tasks = Vec::with_capacity(sessions.len());
        for PlannedSession { way, load } in sessions {
            let clock = handle.clone();
            let task = match way {
                Way::Ice { peers, servers, config } => {
                    let sources = peers.map(|peer| -> Arc<dyn AgentSource> {
                        let host = Arc::clone(&vnets[peer]);
                        Arc::new(WebrtcAgents::new(&handle, host, servers.clone()))
                    });
                    // Who will be called has the agent of that time, with the addresses of then.
                    let agents = match config.discovery {
                        Discovery::Call(_) => None,
                        Discovery::Rendezvous { .. } => {
                            Some([sources[0].agent().await?, sources[1].agent().await?])
                        }
                    };
                    handle.spawn(async move {
                        run_session(&clock, config, agents, sources, &*load).await
                    })
                }
                Way::Bare { hosts, config } => handle
                    .spawn(async move { run_bare_session(&clock, config, hosts, &load).await }),
            };
            tasks.push(task);
        }
        let mut is_cut_off = false;
        for (index, task) in tasks.into_iter().enumerate() {
            let report = task.await?;
            is_cut_off |= report.is_cut_off;
            reports.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(report);
        }
        if is_cut_off {
            return Ok(RunEnd::Horizon);
        }
        devices.close();
        handle.sleep(SETTLE).await;
        for server in running {
            server.close().await;
        }
        for vnet in vnets {
            vnet.close().await;
        }
        until_alone(&handle).await;
        Ok(RunEnd::Stopped)
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
    let address = |host: &HostIndex| SocketAddr::new(scenario.hosts[host.0].address(), STUN_PORT);
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

fn session_config(
    scenario: &Scenario,
    session: &Session,
    devices: &Devices,
) -> anyhow::Result<SessionConfig> {
    let discovery = match &session.discovery {
        scenario::Discovery::Rendezvous { delay } => Discovery::Rendezvous { delay: *delay },
        scenario::Discovery::Nodes(nodes) => {
            let [first, second] = session.between;
            Discovery::Call(CallDiscovery {
                devices: [devices.device(first)?, devices.device(second)?],
                matter: session.name.clone(),
                call_at: SimTime::ZERO + nodes.call_at,
                answer_within: nodes.answer_within,
            })
        }
    };
    Ok(SessionConfig {
        discovery,
        start: session.start,
        hold: session.hold,
        restart: match session.restart {
            scenario::Restart::Never => Restart::Never,
            scenario::Restart::Disconnected => Restart::Disconnected,
            scenario::Restart::Failed => Restart::Failed,
        },
        deadline: SimTime::ZERO + scenario.horizon,
    })
}

fn bare_config(scenario: &Scenario, session: &Session) -> anyhow::Result<BareConfig> {
    let reach = session.reach.context("it does not say where its second host is reached")?;
    Ok(BareConfig {
        port: reach.port,
        to: reach.to,
        hold: session.hold,
        deadline: SimTime::ZERO + scenario.horizon,
    })
}
