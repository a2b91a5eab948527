//! One run: a case with a seed, from the first packet to the last.

mod budget;
mod candidates;
mod capture;
mod loads;
mod plan;
mod watch;

use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use natbed_load::SideReport;
use natbed_network::observe::Counters;
use natbed_network::observe::accounting::RelayBill;
use natbed_peer::{DeviceReport, SessionReport};
use natbed_runtime::{Limits, RunEnd, World};
use natbed_scenario::{HostIndex, Scenario};
use natbed_units::{Seed, SimTime};

pub(crate) use watch::know_addresses;
pub use watch::{LoadCost, Seen, has_more_than_echoes};

use crate::dht::nodes;
use crate::events;
use crate::observers::Observers;
use crate::pipes::PipeNames;
use crate::world::{Built, Parts, build};
use plan::{Plan, Reports};

/// What a run observed.
#[derive(Debug)]
pub struct RunOutput {
    /// The sessions' reports in the scenario's order; `None` for one that had not ended.
    pub sessions: Vec<Option<SessionReport>>,
    /// What each session's loads had come to when the run ended, each load's first side being that
    /// of the first peer.
    pub loads: Vec<Vec<[SideReport; 2]>>,
    /// What the network saw of each session.
    pub seen: Vec<Seen>,
    /// What relays carried, unless the run has echoes alone.
    pub relays: Vec<RelayBill>,
    /// What the pipes are called.
    pub pipe_names: PipeNames,
    /// What the devices did that call each other, by their hosts.
    pub devices: Vec<(HostIndex, DeviceReport)>,
    /// The parts of the network.
    pub parts: Parts,
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
    pub counters: Counters,
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
    let tags = watch::watch(&mut network, scenario, &parts);
    if let Some(path) = pcap {
        let capture = capture::open(path, &network)
            .with_context(|| format!("cannot write the capture {}", path.display()))?;
        network.observer_mut().capture = Some(capture);
    }
    let budgets = scenario.sessions.iter().map(|session| budget::events_max(scenario, session));
    let limits = Limits {
        // Sessions are cut off at the horizon; what they close after that is no part of them.
        horizon: SimTime::ZERO + scenario.horizon + plan::TEARDOWN_MAX * 2,
        events: budgets.fold(nodes::events_max(scenario), u64::saturating_add),
        ..Limits::default()
    };
    let mut world = World::new(network, seed, limits);
    let failure = nodes::install(&mut world, scenario, &parts.hosts, seed)?;
    let refusal = events::schedule(&mut world, scenario, &parts);

    let reports: Reports = Arc::new(Mutex::new(vec![None; scenario.sessions.len()]));
    let plan = Plan::new(&mut world, scenario, &parts.hosts, &tags, seed, Arc::clone(&reports))?;
    let (loads, devices) = (plan.loads(), plan.devices());
    let finished = world.run_async(plan.carry_out())?;
    let end = finished.output.transpose()?.unwrap_or(finished.report.end);
    if let Some(refused) = refusal.take() {
        return Err(refused).context("an event could not be carried out");
    }

    if let Some(failure) = failure.take() {
        return Err(failure);
    }
    parts.hosts.iter().try_for_each(|host| nodes::check(&world, *host))?;
    let devices = devices.reports();
    let failure = devices.iter().flat_map(|(_, device)| &device.nodes);
    if let Some(failure) = failure.filter_map(|node| node.failure.as_ref()).next() {
        anyhow::bail!("{failure}");
    }
    let sessions = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
    let events = finished.report.events + world.network().events();
    let mut network = world.into_network();
    let seen = watch::seen(&mut network, scenario, &parts, &tags, &sessions);
    let Observers { trace, counters, capture, .. } = network.into_observer();
    if let (Some(capture), Some(path)) = (capture, pcap) {
        capture::close(capture)
            .with_context(|| format!("cannot write the capture {}", path.display()))?;
    }
    Ok(RunOutput {
        sessions,
        loads: loads.iter().map(|load| load.reports()).collect(),
        seen: seen.sessions,
        relays: seen.relays,
        pipe_names: seen.pipe_names,
        devices,
        parts: Parts::clone(&parts),
        end,
        ended: finished.report.at,
        events,
        tasks_left: finished.report.tasks_left,
        trace_hash: trace.value(),
        counters,
    })
}
