//! The driver: the one future of the async runtime that moves virtual time.
//!
//! It is the future that the runtime blocks on; everything else is a spawned task. When it is
//! polled with no task runnable, every task waits, so time may move:
//!
//! - Inside the current millisecond no timer of tokio can fire, since they fire on a grid of
//!   whole milliseconds. So the driver goes from event to event of the network, the processes and
//!   the alarms by itself, until one makes a task runnable. Then it moves tokio's clock to that
//!   nanosecond and lets the tasks run.
//! - At the end of the millisecond it moves the clock to the grid, where tokio fires its timers
//!   before anything else of that instant happens.
//! - From the grid, with nothing to do in this millisecond, it sleeps until the tick before the
//!   next event and lets tokio advance the clock by itself, from timer to timer. Tokio adds whole
//!   milliseconds, so this is exact only from the grid. A task that leaves a request meanwhile
//!   wakes the driver.
//!
//! How it knows that no task is runnable: the runtime polls the driver after it has run out of
//! tasks, polled its timers and woken the tasks that had yielded; an empty run queue then means
//! that none of this made a task runnable. Tests of this crate pin each of these behaviours.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use natbed_network::Observer;
use natbed_units::{SimDuration, SimTime};
use tokio::runtime::{Builder, Handle, RngSeed, Runtime, RuntimeMetrics, UnhandledPanic};
use tokio::time::{self, Sleep};

use crate::clock::{TICK, tick_before};
use crate::error::RunError;
use crate::report::{Limits, RunEnd, RunReport};
use crate::shared::Shared;
use crate::simulated;
use crate::thread::take_panic_messages;
use crate::world::{Finished, World};

/// Where the driver sleeps to when nothing is left to do: later than any horizon, and still
/// within the two years that tokio's timers can hold.
const NEVER: SimTime = SimTime::from_nanos(700 * 86_400 * 1_000_000_000);
const _: () = assert!(NEVER.as_nanos() > Limits::HORIZON_MAX.as_nanos());

/// From a tick to the last nanosecond before the next.
const TICK_LESS_ONE: SimDuration = SimDuration::from_nanos(TICK.as_nanos() - 1);

/// How many tasks run before tokio looks at its timers and polls the driver again; its default.
///
/// Time does not move before all have run, so this only bounds how long tasks that wake each
/// other without end can keep the driver from counting them.
const TASKS_PER_ROUND: u32 = 61;

/// Runs `main` and the world around it.
pub(crate) fn run<O: Observer, T: Send + 'static>(
    world: &mut World<O>,
    main: impl Future<Output = T> + Send + 'static,
) -> Result<Finished<T>, RunError> {
    if !simulated::is_simulated() {
        return Err(RunError::NotASimulationThread);
    }
    if world.now() != SimTime::ZERO || !simulated::claim_thread() {
        return Err(RunError::ThreadUsedBefore);
    }
    let runtime = build_runtime(world)?;
    let output = Arc::new(Mutex::new(None));
    let (returned, shared) = (Arc::clone(&output), world.shared().clone());
    let main = async move {
        let value = main.await;
        *returned.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        shared.lock().stop();
    };

    // Whose panic it was, should there be one: everything but tasks runs inside the driver.
    let is_driving = Cell::new(true);
    let ended = panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            world.begin_async();
            tokio::spawn(main);
            let mut driver = Driver::new(world, runtime.metrics());
            poll_fn(|cx| {
                is_driving.set(true);
                let poll = driver.poll(cx);
                is_driving.set(false);
                poll
            })
            .await
        })
    }));
    let tasks_left = runtime.metrics().num_alive_tasks();
    drop(runtime);
    world.end_async();
    match ended {
        Ok((end, at)) => {
            let report = RunReport { end, at, events: world.events(), tasks_left };
            let output = output.lock().unwrap_or_else(PoisonError::into_inner).take();
            Ok(Finished { output, report })
        }
        Err(panic) if is_driving.get() => panic::resume_unwind(panic),
        Err(_) => {
            // The last panic is the runtime's own, which it raises because a task panicked.
            let mut messages = take_panic_messages();
            messages.pop();
            let message = messages.pop().unwrap_or_else(|| "no message was kept".to_owned());
            Err(RunError::TaskPanicked { message })
        }
    }
}

fn build_runtime<O: Observer>(world: &World<O>) -> Result<Runtime, RunError> {
    let (shared, horizon) = (world.shared().clone(), world.limits().horizon);
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .event_interval(TASKS_PER_ROUND)
        // Order of the branches of `select!`.
        .rng_seed(RngSeed::from_bytes(&world.seed().derive("tokio").get().to_le_bytes()))
        .unhandled_panic(UnhandledPanic::ShutdownRuntime)
        .on_task_spawn(|task| simulated::task_spawned(task.id()))
        .on_task_terminate(|task| simulated::task_ended(task.id()))
        .on_thread_unpark(move || after_park(&shared, horizon))
        .build()
        .map_err(|error| RunError::Runtime { kind: error.kind() })
}

/// Runtime hook: the runtime has parked, and may have moved its clock, before any task runs.
///
/// It moves its clock by itself only here and only while the driver sleeps.
fn after_park(shared: &Shared, horizon: SimTime) {
    let mut state = shared.lock();
    let Some(sleeping) = state.sleeping_mut() else { return };
    let now = sleeping.clock.catch_up();
    simulated::set_now(now.max(simulated::now()));
    if sleeping.until == NEVER && has_runnable(&Handle::current().metrics()) {
        // A timer of a task has fired. Beyond the horizon, the driver comes before the task.
        if now > horizon {
            state.wake_driver();
        } else {
            sleeping.last_active = now;
        }
    }
}

/// Says whether a task is runnable.
#[inline]
fn has_runnable(metrics: &RuntimeMetrics) -> bool {
    metrics.worker_local_queue_depth(0) > 0 || metrics.global_queue_depth() > 0
}

struct Driver<'a, O> {
    world: &'a mut World<O>,
    metrics: RuntimeMetrics,
    horizon: SimTime,
    sleep: Option<Pin<Box<Sleep>>>,
    is_asleep: bool,
}

impl<'a, O: Observer> Driver<'a, O> {
    fn new(world: &'a mut World<O>, metrics: RuntimeMetrics) -> Self {
        let horizon = world.limits().horizon;
        Self { world, metrics, horizon, sleep: None, is_asleep: false }
    }

    /// Goes on; returns how the run ended and when.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(RunEnd, SimTime)> {
        if self.is_asleep
            && let Some(end) = self.wake_up()
        {
            return Poll::Ready(end);
        }
        if has_runnable(&self.metrics) {
            self.world.count_events(TASKS_PER_ROUND.into());
            return match self.world.ended() {
                Some(RunEnd::EventLimit) => Poll::Ready((RunEnd::EventLimit, self.world.now())),
                _ => yield_to_tasks(cx),
            };
        }
        self.world.note_tasks_ran();
        loop {
            self.world.take_requests();
            let now = self.world.now();
            if let Some(end) = self.world.ended() {
                return Poll::Ready((end, now));
            }
            // Tasks run when everything else of this instant has been done.
            if has_runnable(&self.metrics) && self.world.next_time() > now {
                self.world.clock_mut().move_to(now);
                return yield_to_tasks(cx);
            }
            let last_in_tick = tick_before(self.world.clock_mut().at()) + TICK_LESS_ONE;
            if !self.world.step(last_in_tick.min(self.horizon)) {
                return self.leave_tick(cx);
            }
        }
    }

    /// Finds out what happened while tokio moved its clock; returns the end if this was it.
    fn wake_up(&mut self) -> Option<(RunEnd, SimTime)> {
        self.is_asleep = false;
        let mut sleeping = self.world.shared().lock().driver_wakes()?;
        let now = sleeping.clock.catch_up();
        if now > self.horizon {
            let last_active = sleeping.last_active.max(self.world.now());
            let end = if now < NEVER { RunEnd::Horizon } else { RunEnd::Idle };
            self.world.move_to(if now < NEVER { self.horizon } else { last_active });
            return Some((end, self.world.now()));
        }
        *self.world.clock_mut() = sleeping.clock;
        self.world.move_to(now);
        None
    }

    /// Lets time go on to the next tick, or beyond it if nothing is to be done before.
    fn leave_tick(&mut self, cx: &mut Context<'_>) -> Poll<(RunEnd, SimTime)> {
        let next = self.world.next_time();
        let clock = *self.world.clock_mut();
        let tick = tick_before(clock.at());
        let until = match clock.at() == tick {
            false => tick + TICK,
            true if next == SimTime::MAX => NEVER,
            true => tick_before(next.min(self.horizon)),
        };
        if until <= clock.at() || (until > self.horizon && until < NEVER) {
            self.world.move_to(self.horizon);
            return Poll::Ready((RunEnd::Horizon, self.horizon));
        }
        if clock.at() != tick {
            self.world.clock_mut().move_to(until);
            self.world.move_to(until);
            return yield_to_tasks(cx);
        }
        let deadline = clock.deadline(until);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(time::sleep_until(deadline)));
        sleep.as_mut().reset(deadline);
        if sleep.as_mut().poll(cx).is_ready() {
            return yield_to_tasks(cx);
        }
        self.world.shared().lock().driver_sleeps(cx.waker(), clock, until);
        self.is_asleep = true;
        Poll::Pending
    }
}

/// Lets the tasks run that are runnable, and tokio's timers fire; then the driver is polled again.
///
/// Being awake, the driver keeps tokio from moving its clock.
fn yield_to_tasks<T>(cx: &Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}
