//! One session from start to teardown: gather, swap, check, load, hold, close.

use std::sync::{Arc, PoisonError};

use natbed_network::observe::PayloadTag;
use natbed_runtime::Handle;
use natbed_units::{SimDuration, SimTime};

use crate::agent::{
    AgentError, IceAgent, IceDescription, IceState, Role, SelectedPair, StateChange,
};
use crate::echo::{EchoConfig, EchoReport, run_echo};

/// How the peers learn of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// Out of band: when both have gathered, each has the other's candidates after this delay.
    Rendezvous {
        /// Time from the last candidate gathered to both sides having the other's.
        delay: SimDuration,
    },
}

/// What a session does; the first of two peers controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// Marks the session's payload for the witness.
    pub tag: PayloadTag,
    /// How the peers learn of each other.
    pub discovery: Discovery,
    /// How much later than the swap each peer begins its checks.
    pub start: [SimDuration; 2],
    /// What goes over the pair.
    pub echo: EchoConfig,
    /// How long the pair is kept, counted from when both agents reported a connection.
    pub hold: SimDuration,
}

/// What one peer of a session did and saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerReport {
    /// When it had all its candidates.
    pub gathered: Option<SimTime>,
    /// When it first reported a connection.
    pub connected: Option<SimTime>,
    /// The states its agent entered before it was told to close.
    pub states: Vec<StateChange>,
    /// The pair it used last.
    pub pair: Option<SelectedPair>,
    /// What came of the load.
    pub echo: Option<EchoReport>,
    /// Why it has no connection.
    pub failure: Option<AgentError>,
}

/// What became of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionReport {
    /// When it started.
    pub started: SimTime,
    /// The peers, the controlling one first.
    pub peers: [PeerReport; 2],
}

impl SessionReport {
    /// When both peers had gathered.
    #[must_use]
    pub fn gathered(&self) -> Option<SimTime> {
        let [a, b] = &self.peers;
        Some(a.gathered?.max(b.gathered?))
    }

    /// When both agents had reported a connection.
    #[must_use]
    pub fn connected(&self) -> Option<SimTime> {
        let [a, b] = &self.peers;
        Some(a.connected?.max(b.connected?))
    }
}

/// Runs a session between two agents and closes both.
pub async fn run_session(
    handle: &Handle,
    config: SessionConfig,
    agents: [Arc<dyn IceAgent>; 2],
) -> SessionReport {
    let mut report = SessionReport { started: handle.now(), ..SessionReport::default() };
    let [a, b] = &agents;
    let (gathered_a, gathered_b) = tokio::join!(gather(handle, a), gather(handle, b));
    let descriptions = match (gathered_a, gathered_b) {
        (Ok((at_a, description_a)), Ok((at_b, description_b))) => {
            report.peers[0].gathered = Some(at_a);
            report.peers[1].gathered = Some(at_b);
            Some([description_a, description_b])
        }
        (result_a, result_b) => {
            for (peer, result) in report.peers.iter_mut().zip([result_a, result_b]) {
                peer.gathered = result.as_ref().ok().map(|(at, _)| *at);
                peer.failure = result.err();
            }
            None
        }
    };
    if let Some([description_a, description_b]) = descriptions {
        let Discovery::Rendezvous { delay } = config.discovery;
        handle.sleep_until(handle.now() + delay).await;
        let swapped = handle.now();
        let [start_a, start_b] = config.start;
        let (channel_a, channel_b) = tokio::join!(
            connect(handle, a, Role::Controlling, description_b, swapped + start_a),
            connect(handle, b, Role::Controlled, description_a, swapped + start_b),
        );
        match (channel_a, channel_b) {
            (Ok(channel_a), Ok(channel_b)) => {
                let release = handle.now() + config.hold;
                let (echo_a, echo_b) = tokio::join!(
                    run_echo(handle, channel_a, config.tag, config.echo),
                    run_echo(handle, channel_b, config.tag, config.echo),
                );
                handle.sleep_until(release).await;
                for (peer, echo) in report.peers.iter_mut().zip([echo_a, echo_b]) {
                    peer.echo = Some(echo.lock().unwrap_or_else(PoisonError::into_inner).clone());
                }
            }
            (result_a, result_b) => {
                report.peers[0].failure = result_a.err();
                report.peers[1].failure = result_b.err();
            }
        }
    }
    for (peer, agent) in report.peers.iter_mut().zip(&agents) {
        peer.states = agent.state_changes();
        peer.pair = agent.selected_pair();
        peer.connected = peer
            .states
            .iter()
            .find(|change| change.state == IceState::Connected)
            .map(|change| change.at);
    }
    for agent in &agents {
        agent.close().await;
    }
    report
}

async fn gather(
    handle: &Handle,
    agent: &Arc<dyn IceAgent>,
) -> Result<(SimTime, IceDescription), AgentError> {
    let description = agent.gather().await?;
    Ok((handle.now(), description))
}

async fn connect(
    handle: &Handle,
    agent: &Arc<dyn IceAgent>,
    role: Role,
    remote: IceDescription,
    start: SimTime,
) -> Result<Arc<dyn crate::agent::Channel>, AgentError> {
    handle.sleep_until(start).await;
    agent.connect(role, &remote).await
}
