//! `webrtc-ice`, unmodified, behind the [`IceAgent`] trait.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use natbed_runtime::Handle;
use tokio::sync::{mpsc, watch};
use webrtc_ice::agent::Agent;
use webrtc_ice::agent::agent_config::AgentConfig;
use webrtc_ice::candidate::candidate_base::unmarshal_candidate;
use webrtc_ice::candidate::{Candidate as WebrtcCandidate, CandidateType};
use webrtc_ice::mdns::MulticastDnsMode;
use webrtc_ice::network_type::NetworkType;
use webrtc_ice::state::ConnectionState;
use webrtc_ice::url::{ProtoType, SchemeType, Url};
use webrtc_util::Conn;

use crate::agent::{
    AgentError, AgentSource, Candidate, CandidateKind, Channel, IceAgent, IceDescription,
    IceServers, IceState, Role, SelectedPair, StateChange,
};
use crate::vnet::VnetHost;

/// Name of the stack in scenarios and outcomes.
pub const WEBRTC_ICE: &str = "webrtc-ice";

/// An agent of the `webrtc-ice` crate on a host of the network.
pub struct WebrtcAgent {
    agent: Agent,
    states: Arc<Mutex<Vec<StateChange>>>,
    latest: watch::Receiver<IceState>,
    candidates: Mutex<mpsc::UnboundedReceiver<Option<String>>>,
    /// Kept while checks run: dropping it would cancel them.
    cancel: Mutex<Option<mpsc::Sender<()>>>,
}

impl WebrtcAgent {
    /// Makes an agent with its default timers on `host`.
    ///
    /// # Errors
    ///
    /// What `webrtc-ice` reports of its configuration.
    pub async fn new(
        handle: &Handle,
        host: &VnetHost,
        servers: &IceServers,
    ) -> Result<Self, AgentError> {
        let vnet = host.vnet().await.map_err(|error| stack_error("be given a network", &error))?;
        let mut urls = Vec::new();
        for address in &servers.stun {
            urls.push(url(SchemeType::Stun, vnet.server_name(*address).await, *address));
        }
        for server in &servers.turn {
            let mut turn =
                url(SchemeType::Turn, vnet.server_name(server.address).await, server.address);
            turn.username.clone_from(&server.user);
            turn.password.clone_from(&server.password);
            urls.push(turn);
        }
        let mut network_types = Vec::new();
        if vnet.addresses().iter().any(IpAddr::is_ipv4) {
            network_types.push(NetworkType::Udp4);
        }
        if vnet.addresses().iter().any(IpAddr::is_ipv6) {
            network_types.push(NetworkType::Udp6);
        }
        let agent = Agent::new(AgentConfig {
            urls,
            network_types,
            // Queries would open a real socket.
            multicast_dns_mode: MulticastDnsMode::Disabled,
            net: Some(vnet.net()),
            ..AgentConfig::default()
        })
        .await
        .map_err(|error| stack_error("be created", &error))?;

        let states = Arc::new(Mutex::new(Vec::new()));
        let (latest_tx, latest) = watch::channel(IceState::New);
        let (log, clock) = (Arc::clone(&states), handle.clone());
        agent.on_connection_state_change(Box::new(move |state| {
            let state = ice_state(state);
            let change = StateChange { at: clock.now(), state };
            log.lock().unwrap_or_else(PoisonError::into_inner).push(change);
            latest_tx.send_replace(state);
            Box::pin(async {})
        }));
        let (candidate_tx, candidates) = mpsc::unbounded_channel();
        agent.on_candidate(Box::new(move |candidate| {
            // The receiver lives as long as the agent; after it nobody wants candidates.
            let _ = candidate_tx.send(candidate.map(|candidate| candidate.marshal()));
            Box::pin(async {})
        }));
        Ok(Self {
            agent,
            states,
            latest,
            candidates: Mutex::new(candidates),
            cancel: Mutex::new(None),
        })
    }

    async fn next_candidate(&self) -> Option<String> {
        std::future::poll_fn(|cx| {
            self.candidates.lock().unwrap_or_else(PoisonError::into_inner).poll_recv(cx)
        })
        .await
        .flatten()
    }

    /// Returns when the agent has failed or was closed.
    async fn until_final(&self) -> AgentError {
        let mut latest = self.latest.clone();
        let state = latest
            .wait_for(|state| matches!(state, IceState::Failed | IceState::Closed))
            .await
            .map(|state| *state);
        if state.is_ok_and(|state| state == IceState::Failed) {
            AgentError::Failed
        } else {
            AgentError::Closed
        }
    }
}

#[async_trait]
impl IceAgent for WebrtcAgent {
    async fn gather(&self) -> Result<IceDescription, AgentError> {
        self.agent.gather_candidates().map_err(|error| stack_error("gather", &error))?;
        let mut candidates = Vec::new();
        while let Some(candidate) = self.next_candidate().await {
            candidates.push(candidate);
        }
        let (ufrag, password) = self.agent.get_local_user_credentials().await;
        Ok(IceDescription { ufrag, password, candidates })
    }

    async fn connect(
        &self,
        role: Role,
        remote: &IceDescription,
    ) -> Result<Arc<dyn Channel>, AgentError> {
        for text in &remote.candidates {
            let candidate = unmarshal_candidate(text)
                .map_err(|error| stack_error("read a remote candidate", &error))?;
            let candidate: Arc<dyn WebrtcCandidate + Send + Sync> = Arc::new(candidate);
            self.agent
                .add_remote_candidate(&candidate)
                .map_err(|error| stack_error("add a remote candidate", &error))?;
        }
        let (cancel, cancelled) = mpsc::channel(1);
        *self.cancel.lock().unwrap_or_else(PoisonError::into_inner) = Some(cancel);
        let (ufrag, password) = (remote.ufrag.clone(), remote.password.clone());
        // `dial` and `accept` never return after the agent has failed: race them against that.
        let connection: Result<Arc<dyn Conn + Send + Sync>, _> = match role {
            Role::Controlling => tokio::select! { biased;
                connection = self.agent.dial(cancelled, ufrag, password) => {
                    connection.map(|connection| connection as _)
                }
                error = self.until_final() => return Err(error),
            },
            Role::Controlled => tokio::select! { biased;
                connection = self.agent.accept(cancelled, ufrag, password) => {
                    connection.map(|connection| connection as _)
                }
                error = self.until_final() => return Err(error),
            },
        };
        let connection = connection.map_err(|error| stack_error("connect", &error))?;
        Ok(Arc::new(WebrtcChannel(connection)))
    }

    fn state_changes(&self) -> Vec<StateChange> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn until(&self, states: &[IceState]) -> IceState {
        let mut latest = self.latest.clone();
        let state = latest.wait_for(|state| states.contains(state)).await.map(|state| *state);
        match state {
            Ok(state) => state,
            // The agent, which tells its states, is gone: it enters no more.
            Err(_) => std::future::pending().await,
        }
    }

    fn selected_pair(&self) -> Option<SelectedPair> {
        let pair = self.agent.get_selected_candidate_pair()?;
        Some(SelectedPair {
            local: candidate(pair.local.as_ref()),
            remote: candidate(pair.remote.as_ref()),
        })
    }

    async fn close(&self) {
        self.cancel.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The only error is that it was closed before, which is what is wanted.
        let _ = self.agent.close().await;
    }
}

/// The agents of the `webrtc-ice` crate on one host, each with the addresses the host has by then.
#[derive(Clone, Debug)]
pub struct WebrtcAgents {
    handle: Handle,
    host: Arc<VnetHost>,
    servers: IceServers,
}

impl WebrtcAgents {
    /// Makes a source of agents on `host` that gather with `servers`.
    #[must_use]
    pub fn new(handle: &Handle, host: Arc<VnetHost>, servers: IceServers) -> Self {
        Self { handle: handle.clone(), host, servers }
    }
}

#[async_trait]
impl AgentSource for WebrtcAgents {
    async fn agent(&self) -> Result<Arc<dyn IceAgent>, AgentError> {
        let agent = WebrtcAgent::new(&self.handle, &self.host, &self.servers).await?;
        Ok(Arc::new(agent))
    }
}

struct WebrtcChannel(Arc<dyn Conn + Send + Sync>);

#[async_trait]
impl Channel for WebrtcChannel {
    async fn send(&self, datagram: &[u8]) -> Result<(), AgentError> {
        self.0.send(datagram).await.map(drop).map_err(|error| stack_error("send", &error))
    }

    async fn receive(&self, buffer: &mut [u8]) -> Result<usize, AgentError> {
        self.0.recv(buffer).await.map_err(|error| stack_error("receive", &error))
    }
}

fn url(scheme: SchemeType, host: String, address: SocketAddr) -> Url {
    Url {
        scheme,
        host,
        port: address.port(),
        proto: ProtoType::Udp,
        username: String::new(),
        password: String::new(),
    }
}

fn candidate(candidate: &(dyn WebrtcCandidate + Send + Sync)) -> Candidate {
    let kind = match candidate.candidate_type() {
        CandidateType::ServerReflexive => CandidateKind::ServerReflexive,
        CandidateType::PeerReflexive => CandidateKind::PeerReflexive,
        CandidateType::Relay => CandidateKind::Relayed,
        CandidateType::Host | CandidateType::Unspecified => CandidateKind::Host,
    };
    Candidate { kind, address: candidate.addr() }
}

fn ice_state(state: ConnectionState) -> IceState {
    match state {
        ConnectionState::Unspecified | ConnectionState::New => IceState::New,
        ConnectionState::Checking => IceState::Checking,
        ConnectionState::Connected => IceState::Connected,
        ConnectionState::Completed => IceState::Completed,
        ConnectionState::Disconnected => IceState::Disconnected,
        ConnectionState::Failed => IceState::Failed,
        ConnectionState::Closed => IceState::Closed,
    }
}

fn stack_error(action: &'static str, error: &dyn std::fmt::Display) -> AgentError {
    AgentError::Stack { stack: WEBRTC_ICE, action, message: error.to_string() }
}
