//! Restarts: when a connection is given up, and how the peers begin anew.
//!
//! A restart replaces both agents. `webrtc-ice` can restart an agent in place, but only on the
//! addresses it was made with, and it cannot be told to connect a second time; a fresh agent is
//! what an application makes after its address has changed.

use std::mem;
use std::sync::Arc;

use natbed_runtime::Handle;
use natbed_units::{SimDuration, SimTime};

use crate::agent::{AgentError, AgentSource, Channel, IceAgent, IceState, SelectedPair};
use crate::dht::CallLog;
use crate::session::{Attempt, PeerReport, SessionConfig, SessionLoad};

/// The most restarts of a session; after them it stays as it is.
pub const RESTARTS_MAX: usize = 16;

/// When the peers of a session give their agents up and begin anew with fresh ones.
///
/// One peer is enough; the other learns of it at once, as it would by the signalling that both are
/// connected to. The fresh agents gather, and their candidates are swapped as the first ones were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    #[default]
    Never,
    /// As soon as an agent is disconnected: its pair has gone silent.
    Disconnected,
    /// When an agent has failed.
    Failed,
}

/// One restart and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartReport {
    /// When the agents were given up.
    pub at: SimTime,
    /// The peer whose agent was the reason, 0 for the controlling one.
    pub peer: usize,
    /// The state that its agent was in.
    pub state: IceState,
    /// The pairs that the peers used before.
    pub before: [Option<SelectedPair>; 2],
    /// When both fresh agents had connected.
    pub connected: Option<SimTime>,
    /// The pairs that the fresh agents use when they have connected.
    pub after: [Option<SelectedPair>; 2],
}

/// What made the peers give their agents up.
struct Trouble {
    peer: usize,
    state: IceState,
    before: [Option<SelectedPair>; 2],
}

/// The agents of a session, whichever they are at the time, and what is known of them.
pub(crate) struct Supervisor {
    handle: Handle,
    config: SessionConfig,
    agents: [Arc<dyn IceAgent>; 2],
    sources: [Arc<dyn AgentSource>; 2],
    pub(crate) peers: [PeerReport; 2],
    restarts: Vec<RestartReport>,
    /// Where the first call is written down, if they find each other by calling.
    first_call: Option<Arc<CallLog>>,
    /// After this, no further restart begins.
    deadline: SimTime,
}

impl Supervisor {
    pub(crate) fn new(
        handle: &Handle,
        config: SessionConfig,
        agents: [Arc<dyn IceAgent>; 2],
        sources: [Arc<dyn AgentSource>; 2],
        first_call: Option<Arc<CallLog>>,
    ) -> Self {
        Self {
            handle: handle.clone(),
            config,
            agents,
            sources,
            peers: Default::default(),
            restarts: Vec::new(),
            first_call,
            deadline: SimTime::MAX,
        }
    }

    /// Connects the first agents, or those of as many restarts as it takes; `None` if none connect.
    ///
    /// It goes on for as long as the load and the hold would have taken.
    pub(crate) async fn connect(&mut self, load: SimDuration) -> Option<[Arc<dyn Channel>; 2]> {
        let channels = self.attempt().await;
        if channels.is_some() || self.config.restart == Restart::Never {
            return channels;
        }
        let failed = self.failed()?;
        self.deadline = self.handle.now() + load + self.config.hold;
        let channels = self.restart(failed).await;
        self.deadline = SimTime::MAX;
        channels
    }

    /// Restarts whenever the configuration says so; ends only by being dropped.
    pub(crate) async fn keep_connected(&mut self, load: &dyn SessionLoad) {
        while self.config.restart != Restart::Never && self.restarts.len() < RESTARTS_MAX {
            let trouble = self.trouble().await;
            load.detach();
            let Some(channels) = self.restart(trouble).await else { break };
            load.attach(channels);
        }
        std::future::pending::<()>().await;
    }

    /// Returns what it was asked to do.
    pub(crate) const fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// Closes the agents and returns what the peers did and saw, and the restarts.
    pub(crate) async fn close(self) -> ([PeerReport; 2], Vec<RestartReport>) {
        let agents = self.agents.clone();
        let reports = self.leave();
        for agent in &agents {
            agent.close().await;
        }
        reports
    }

    /// Returns what the peers did and saw so far, and the restarts; the agents stay as they are.
    pub(crate) fn leave(mut self) -> ([PeerReport; 2], Vec<RestartReport>) {
        self.note_states();
        for (peer, agent) in self.peers.iter_mut().zip(&self.agents) {
            peer.pair = agent.selected_pair();
            let mut connected = peer.states.iter().filter(|c| c.state == IceState::Connected);
            peer.connected = connected.next().map(|change| change.at);
        }
        (self.peers, self.restarts)
    }

    /// Lets the agents of now connect.
    async fn attempt(&mut self) -> Option<[Arc<dyn Channel>; 2]> {
        let log = self.first_call.as_deref().filter(|_| self.restarts.is_empty());
        let attempt = Attempt::make(&self.handle, &self.config, &self.agents, log).await;
        let gathered = attempt.gathered.into_iter().zip(attempt.candidates);
        for (peer, (gathered, candidates)) in self.peers.iter_mut().zip(gathered) {
            peer.gathered = peer.gathered.or(gathered);
            peer.failure = None;
            for candidate in candidates {
                if !peer.candidates.contains(&candidate) {
                    peer.candidates.push(candidate);
                }
            }
        }
        match attempt.outcome {
            Ok(channels) => Some(channels),
            Err(failures) => {
                for (peer, failure) in self.peers.iter_mut().zip(failures) {
                    peer.failure = failure;
                }
                None
            }
        }
    }

    /// Waits until an agent is in a state that calls for a restart.
    async fn trouble(&self) -> Trouble {
        use IceState::{Completed, Connected, Disconnected, Failed};
        let [a, b] = &self.agents;
        loop {
            let (peer, state) = tokio::select! { biased;
                state = a.until(&[Disconnected, Failed]) => (0, state),
                state = b.until(&[Disconnected, Failed]) => (1, state),
            };
            // Noted now: an agent that has failed has no pair any more.
            let before = self.agents.each_ref().map(|agent| agent.selected_pair());
            if state == Failed || self.config.restart == Restart::Disconnected {
                return Trouble { peer, state, before };
            }
            let peer = tokio::select! { biased;
                _ = a.until(&[Failed]) => 0,
                _ = b.until(&[Failed]) => 1,
                _ = self.agents[peer].until(&[Connected, Completed]) => continue,
            };
            return Trouble { peer, state: Failed, before };
        }
    }

    /// The trouble of agents that did not connect, unless it is one that would only come again.
    ///
    /// A call that was not answered may be answered the next time.
    fn failed(&self) -> Option<Trouble> {
        if let Some(AgentError::NoAnswer { .. }) = self.peers[0].failure {
            return Some(Trouble { peer: 0, state: IceState::New, before: [None; 2] });
        }
        let state = IceState::Failed;
        let has_failed = |agent: &Arc<dyn IceAgent>| {
            agent.state_changes().last().is_some_and(|change| change.state == state)
        };
        let peer = self.agents.iter().position(has_failed)?;
        Some(Trouble { peer, state, before: [None; 2] })
    }

    /// Begins anew with fresh agents until they connect or have done so too often.
    async fn restart(&mut self, mut trouble: Trouble) -> Option<[Arc<dyn Channel>; 2]> {
        while self.restarts.len() < RESTARTS_MAX && self.handle.now() <= self.deadline {
            let Trouble { peer, state, before } = trouble;
            let (connected, after) = (None, [None; 2]);
            let at = self.handle.now();
            self.restarts.push(RestartReport { at, peer, state, before, connected, after });
            if !self.replace_agents().await {
                return None;
            }
            if let Some(channels) = self.attempt().await {
                if let Some(restart) = self.restarts.last_mut() {
                    restart.connected = Some(self.handle.now());
                    restart.after = self.agents.each_ref().map(|agent| agent.selected_pair());
                }
                return Some(channels);
            }
            trouble = self.failed()?;
        }
        None
    }

    /// Gives the agents up for fresh ones; says whether there are any.
    async fn replace_agents(&mut self) -> bool {
        let [source_a, source_b] = &self.sources;
        match (source_a.agent().await, source_b.agent().await) {
            (Ok(a), Ok(b)) => {
                self.note_states();
                for old in mem::replace(&mut self.agents, [a, b]) {
                    // What its teardown waits for is of no concern to the fresh ones.
                    self.handle.spawn(async move { old.close().await });
                }
                true
            }
            (a, b) => {
                for (peer, result) in self.peers.iter_mut().zip([a, b]) {
                    peer.failure = result.err();
                }
                false
            }
        }
    }

    /// Adds what states the agents of now have entered.
    fn note_states(&mut self) {
        for (peer, agent) in self.peers.iter_mut().zip(&self.agents) {
            peer.states.extend(agent.state_changes());
        }
    }
}
