//! The network and everything that runs on its hosts, moved through virtual time.

mod instant;

use std::any::Any;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use natbed_network::{HostId, Network, Observer};
use natbed_units::{Seed, SimTime};

use crate::clock::AsyncClock;
use crate::driver;
use crate::error::RunError;
use crate::handle::Handle;
use crate::process::{Inlet, Process};
use crate::report::{Limits, RunEnd, RunReport};
use crate::shared::{Requests, Shared};
use crate::socket::Host;
use crate::sockets::Sockets;
use crate::tcp::TcpHosts;

/// A network and the software on its hosts.
///
/// A host runs sockets of async code ([`World::host`]) or a [`Process`] or the [`Inlet`] of a
/// foreign stack; sockets may share a host with either of the others and come first. Then
/// [`World::run`] or [`World::run_async`] moves everything through virtual time.
///
/// Of one instant, actions come first, then the network and what it delivers, then timers of
/// processes, then alarms, then timers of TCP; and that again until none of them has anything left. Then tasks run,
/// and what they send belongs to the same instant. Tokio's timers, which fire at whole
/// milliseconds, come before everything else of their instant.
pub struct World<O = ()> {
    network: Network<O>,
    /// Whether hosts may have other addresses than sockets know of.
    was_network_changed: bool,
    seed: Seed,
    limits: Limits,
    hosts: Vec<HostSlot>,
    /// When to look at which process; an entry is void if the process is not armed for it.
    timers: BinaryHeap<Reverse<(SimTime, HostId)>>,
    actions: BTreeMap<(SimTime, u64), Action<O>>,
    actions_scheduled: u64,
    remote_actions: RemoteActions<O>,
    shared: Shared,
    /// Whether anybody besides the world has the shared state.
    is_shared: bool,
    /// Whether software has run that may have left something there.
    may_have_requests: bool,
    requests: Requests,
    /// Readers of sockets that got something in this instant.
    wakers: Vec<Waker>,
    clock: AsyncClock,
    now: SimTime,
    events: u64,
    is_stopped: bool,
}

/// The longest packet that TCP sends into a link that takes all: Ethernet's, in bytes.
const MTU: usize = 1_500;

type Action<O> = Box<dyn FnOnce(&mut World<O>)>;
type RemoteActions<O> = Arc<Mutex<Vec<(SimTime, Box<dyn FnOnce(&mut World<O>) + Send>)>>>;

#[derive(Default)]
struct HostSlot {
    has_sockets: bool,
    taker: Option<Taker>,
}

/// What gets the packets that no socket takes.
enum Taker {
    Process(ProcessSlot),
    Inlet(Box<dyn Inlet + Send>),
}

struct ProcessSlot {
    process: Box<dyn Process>,
    is_started: bool,
    /// The earliest entry that `timers` has for it, [`SimTime::MAX`] for none.
    armed: SimTime,
}

impl ProcessSlot {
    /// Starts the process unless it has been.
    #[inline]
    fn start(&mut self, now: SimTime) {
        if !self.is_started {
            self.is_started = true;
            self.process.start(now);
        }
    }
}

impl<O: Observer> World<O> {
    /// Makes a world of `network`; `seed` is the run's, from which ephemeral ports are drawn.
    #[must_use]
    pub fn new(network: Network<O>, seed: Seed, limits: Limits) -> Self {
        let limits = Limits { horizon: limits.horizon.min(Limits::HORIZON_MAX), ..limits };
        Self {
            network,
            was_network_changed: false,
            seed,
            limits,
            hosts: Vec::new(),
            timers: BinaryHeap::new(),
            actions: BTreeMap::new(),
            actions_scheduled: 0,
            remote_actions: Arc::default(),
            shared: Shared::new(Sockets::new(&limits), TcpHosts::new(&limits)),
            is_shared: false,
            may_have_requests: false,
            requests: Requests::default(),
            wakers: Vec::new(),
            clock: AsyncClock::default(),
            now: SimTime::ZERO,
            events: 0,
            is_stopped: false,
        }
    }

    /// Returns the virtual time.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Returns the run's limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the network.
    #[must_use]
    pub fn network(&self) -> &Network<O> {
        &self.network
    }

    /// Returns the network, to change it between runs or in an action.
    #[must_use]
    pub fn network_mut(&mut self) -> &mut Network<O> {
        self.was_network_changed = true;
        &mut self.network
    }

    /// Ends the world and returns its network.
    #[must_use]
    pub fn into_network(self) -> Network<O> {
        self.network
    }

    /// Lets `host` have sockets and returns the handle to bind them with.
    pub fn host(&mut self, host: HostId) -> Host {
        self.is_shared = true;
        self.slot(host).has_sockets = true;
        self.note_addresses(host);
        Host::new(self.shared.clone(), host)
    }

    /// Returns the handle through which async code speaks with the run.
    pub fn handle(&mut self) -> Handle {
        self.is_shared = true;
        Handle::new(self.shared.clone())
    }

    /// Returns the handle through which async code schedules changes of the world.
    pub fn remote(&mut self) -> WorldHandle<O> {
        self.is_shared = true;
        WorldHandle { shared: self.shared.clone(), actions: Arc::clone(&self.remote_actions) }
    }

    /// Runs `process` on `host` from now on, in place of the process or inlet it may have had.
    pub fn set_process(&mut self, host: HostId, process: impl Process) {
        let armed = self.now;
        let slot = ProcessSlot { process: Box::new(process), is_started: false, armed };
        self.slot(host).taker = Some(Taker::Process(slot));
        self.timers.push(Reverse((armed, host)));
    }

    /// Gives `host` an inlet, in place of the process or inlet it may have had.
    pub fn set_inlet(&mut self, host: HostId, inlet: Box<dyn Inlet + Send>) {
        self.slot(host).taker = Some(Taker::Inlet(inlet));
    }

    /// Ends the process or inlet of `host`; its port then counts as closed.
    pub fn remove_software(&mut self, host: HostId) {
        self.slot(host).taker = None;
    }

    /// Returns the process of `host`, `None` if there is none or it is not a `P`.
    #[must_use]
    pub fn process<P: Process>(&self, host: HostId) -> Option<&P> {
        match &self.hosts.get(host.index())?.taker {
            Some(Taker::Process(slot)) => (&*slot.process as &dyn Any).downcast_ref(),
            _ => None,
        }
    }

    /// Calls `f` with the process of `host`, then sends what it has to send.
    ///
    /// Returns `None`, without a call, if there is none or it is not a `P`.
    pub fn update_process<P: Process, R>(
        &mut self,
        host: HostId,
        f: impl FnOnce(&mut P, SimTime) -> R,
    ) -> Option<R> {
        let now = self.now;
        let Some(Taker::Process(slot)) = &mut self.hosts.get_mut(host.index())?.taker else {
            return None;
        };
        if !(&*slot.process as &dyn Any).is::<P>() {
            return None;
        }
        slot.start(now);
        let result = f((&mut *slot.process as &mut dyn Any).downcast_mut()?, now);
        self.pump(host);
        Some(result)
    }

    /// Calls `action` at `time`, at once if that has passed; in the order of scheduling.
    pub fn at(&mut self, time: SimTime, action: impl FnOnce(&mut Self) + 'static) {
        self.schedule(time, Box::new(action));
    }

    /// Ends the run after what it is doing in this instant.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// Runs processes, actions and the network until the end of the run, without async code.
    ///
    /// No async runtime is started; tasks that wait on sockets of this world are not run. May be
    /// called again, after a change or to go on after [`RunEnd::Stopped`].
    pub fn run(&mut self) -> RunReport {
        self.run_until(SimTime::MAX)
    }

    /// Runs as [`World::run`] does but no further than `time`, which ends the run as a horizon.
    pub fn run_until(&mut self, time: SimTime) -> RunReport {
        let horizon = time.min(self.limits.horizon);
        self.begin();
        let end = loop {
            self.take_requests();
            if let Some(end) = self.ended() {
                break end;
            }
            if !self.step(horizon) {
                let is_idle = self.next_time() == SimTime::MAX;
                if !is_idle || time < SimTime::MAX {
                    self.move_to(horizon);
                }
                break if is_idle { RunEnd::Idle } else { RunEnd::Horizon };
            }
        };
        RunReport { end, at: self.now, events: self.events, tasks_left: 0 }
    }

    /// Runs `main` as a task, with everything else of the world, until it returns.
    ///
    /// Call it inside [`run_on_fresh_thread`](crate::run_on_fresh_thread). Tasks that `main` has
    /// spawned and that have not ended when it returns are dropped; the report counts them.
    ///
    /// Code under it may use timers, channels and tasks of tokio. What needs another thread or
    /// the operating system (`spawn_blocking`, files, `tokio::net`) does not take part in virtual
    /// time; tokio's I/O driver is not there.
    ///
    /// # Errors
    ///
    /// [`RunError::TaskPanicked`] if a task panicked, and [`RunError::NotASimulationThread`],
    /// [`RunError::ThreadUsedBefore`], [`RunError::Runtime`] if the run could not begin.
    ///
    /// # Panics
    ///
    /// If a process, an action, an inlet or the observer panics; `run_on_fresh_thread` makes an
    /// error of it.
    pub fn run_async<T: Send + 'static>(
        &mut self,
        main: impl Future<Output = T> + Send + 'static,
    ) -> Result<Finished<T>, RunError> {
        driver::run(self, main)
    }

    fn slot(&mut self, host: HostId) -> &mut HostSlot {
        if self.hosts.len() <= host.index() {
            self.hosts.resize_with(host.index() + 1, HostSlot::default);
        }
        &mut self.hosts[host.index()]
    }

    fn note_addresses(&mut self, host: HostId) {
        let (name, addresses) = (self.network.host_name(host), self.network.addresses(host));
        let mut state = self.shared.lock();
        state.sockets.set_host(host, name, self.seed, addresses);
        let mtus =
            self.network.host_mtus(host).map(|mtu| mtu.map_or(MTU, |mtu| mtu.bytes() as usize));
        let addresses = self.network.addresses(host).zip(mtus);
        state.tcp.set_host(host, name, self.seed, addresses);
    }

    fn schedule(&mut self, time: SimTime, action: Action<O>) {
        self.actions_scheduled += 1;
        self.actions.insert((time.max(self.now), self.actions_scheduled), action);
    }
}

/// What became of a run with async code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished<T> {
    /// What the main task returned; `None` if the run ended before it did.
    pub output: Option<T>,
    /// How the run ended.
    pub report: RunReport,
}

impl<O> fmt::Debug for World<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { now, events, .. } = self;
        f.debug_struct("World").field("now", now).field("events", events).finish_non_exhaustive()
    }
}

/// Schedules changes of the world from async code; made by [`World::remote`].
pub struct WorldHandle<O = ()> {
    shared: Shared,
    actions: RemoteActions<O>,
}

impl<O> WorldHandle<O> {
    /// Calls `action` at `time`; at once, when every task is idle, if that has passed.
    pub fn at(&self, time: SimTime, action: impl FnOnce(&mut World<O>) + Send + 'static) {
        let mut actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        actions.push((time, Box::new(action)));
        drop(actions);
        self.shared.lock().announce_actions();
    }
}

impl<O> Clone for WorldHandle<O> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), actions: Arc::clone(&self.actions) }
    }
}

impl<O> fmt::Debug for WorldHandle<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldHandle").finish_non_exhaustive()
    }
}
