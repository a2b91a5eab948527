//! The loads of a session, over whatever ICE pair there is at the time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::BytesMut;
use natbed_network::observe::PayloadTag;
use natbed_peer::{Channel, SessionLoad};
use natbed_runtime::{Alarm, Handle};
use natbed_units::{Seed, SimDuration, SimTime};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::bare::TcpLoad;
use crate::config::{LoadConfig, LoadError, PlannedLoad};
use crate::lanes::Lanes;
use crate::side::{Elsewhere, Side, SideReport};

/// The longest datagram that comes out of a channel.
const DATAGRAM_MAX: usize = 2048;
/// Received payloads are cut from buffers of this size.
const CHUNK_BYTES: usize = 64 << 10;

/// All loads of one session.
///
/// Give it to [`run_session`](natbed_peer::run_session) or
/// [`run_bare_session`](crate::run_bare_session), and ask for its [`reports`](Self::reports) at any
/// time.
pub struct LoadSet {
    ends: [Arc<End>; 2],
    duration: SimDuration,
    /// TCP loads with their numbers, which are among the lanes only in name.
    tcp: Vec<Arc<TcpLoad>>,
    tcp_numbers: Vec<usize>,
    has_datagrams: bool,
}

impl LoadSet {
    /// Makes the loads of the session that `tag` is of; the first 256 count.
    ///
    /// # Errors
    ///
    /// When a transport refuses its configuration.
    pub fn new(
        handle: &Handle,
        tag: PayloadTag,
        loads: &[PlannedLoad],
        seed: Seed,
    ) -> Result<Self, LoadError> {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let (mut tcp, mut tcp_numbers) = (Vec::new(), Vec::new());
        for (number, load) in loads.iter().enumerate() {
            let (after, [a, b]) = if let LoadConfig::Tcp(config) = &load.config {
                config.validate()?;
                tcp.push(Arc::new(TcpLoad::new(*config, load.after)));
                tcp_numbers.push(number);
                (SimDuration::ZERO, [0, 1].map(|_| Box::new(Elsewhere) as Box<dyn Side>))
            } else {
                (load.after, load.config.sides(seed.derive(&format!("load/{number}")))?)
            };
            first.push((after, a));
            second.push((after, b));
        }
        let has_datagrams = tcp.len() < loads.len();
        let end = |sides| {
            let lanes = Mutex::new(Lanes::new(tag, sides));
            let (channel, is_done) = (watch::channel(None).0, watch::channel(false).0);
            Arc::new(End { handle: handle.clone(), lanes, channel, is_done })
        };
        let ends = [end(first), end(second)];
        let duration = loads.iter().map(|load| load.after + load.config.duration()).max();
        let duration = duration.unwrap_or(SimDuration::ZERO);
        Ok(Self { ends, duration, tcp, tcp_numbers, has_datagrams })
    }

    /// Returns what has been seen so far: of each load, the first peer's side first.
    #[must_use]
    pub fn reports(&self) -> Vec<[SideReport; 2]> {
        let [first, second] = self.ends.each_ref().map(|end| end.lanes().reports());
        let mut reports: Vec<_> = first.into_iter().zip(second).map(|(a, b)| [a, b]).collect();
        for (load, number) in self.tcp.iter().zip(&self.tcp_numbers) {
            if let Some(report) = reports.get_mut(*number) {
                *report = load.reports();
            }
        }
        reports
    }

    /// The loads that go over TCP.
    pub(crate) fn tcp(&self) -> &[Arc<TcpLoad>] {
        &self.tcp
    }

    /// Says whether any load needs a channel.
    pub(crate) fn has_datagrams(&self) -> bool {
        self.has_datagrams
    }

    /// Runs both peers' part of all loads that are made of datagrams to its end.
    pub(crate) async fn run_datagrams(&self) {
        // Tasks of their own, which go on until both are done: who is done first still answers.
        let mut tasks = JoinSet::new();
        for end in &self.ends {
            tasks.spawn(Arc::clone(end).drive());
        }
        for end in &self.ends {
            // The sender lives as long as the end.
            let _ = end.is_done.subscribe().wait_for(|is_done| *is_done).await;
        }
    }
}

#[async_trait]
impl SessionLoad for LoadSet {
    fn duration(&self) -> SimDuration {
        self.duration
    }

    fn last_sent(&self) -> Option<SimTime> {
        self.reports().iter().flatten().filter_map(SideReport::last_sent).max()
    }

    fn attach(&self, channels: [Arc<dyn Channel>; 2]) {
        for (end, channel) in self.ends.iter().zip(channels) {
            end.channel.send_replace(Some(channel));
        }
    }

    fn detach(&self) {
        self.ends.iter().for_each(|end| {
            end.channel.send_replace(None);
        });
    }

    async fn run(&self) {
        self.tcp.iter().for_each(|load| load.refuse("TCP does not go over an ICE pair"));
        self.run_datagrams().await;
    }
}

/// One peer's end of the loads, which goes on in its own time over whatever channel there is.
struct End {
    handle: Handle,
    lanes: Mutex<Lanes>,
    channel: watch::Sender<Option<Arc<dyn Channel>>>,
    is_done: watch::Sender<bool>,
}

impl End {
    async fn drive(self: Arc<Self>) {
        let mut channels = self.channel.subscribe();
        self.lanes().start(self.handle.now());
        loop {
            let channel = channels.borrow_and_update().clone();
            tokio::select! { biased;
                _ = channels.changed() => {}
                () = self.drive_over(channel.as_deref()) => {}
            }
        }
    }

    /// Sends and receives over one channel for ever, or without any: what is due is lost then.
    async fn drive_over(&self, channel: Option<&dyn Channel>) {
        let mut outgoing = Vec::with_capacity(DATAGRAM_MAX);
        let mut buffer = vec![0; DATAGRAM_MAX];
        let mut chunk = BytesMut::new();
        let mut timer = Timer { handle: &self.handle, alarm: None };
        loop {
            let length = {
                let mut receive = std::pin::pin!(receive(channel, &mut buffer));
                loop {
                    self.flush(channel, &mut outgoing).await;
                    timer.set(self.lanes().poll_timeout());
                    tokio::select! { biased;
                        length = &mut receive => break length,
                        () = timer.elapsed() => self.lanes().handle_timeout(self.handle.now()),
                    }
                }
            };
            if chunk.capacity() < length {
                chunk.reserve(CHUNK_BYTES);
            }
            chunk.extend_from_slice(&buffer[..length]);
            self.lanes().handle_datagram(self.handle.now(), chunk.split().freeze());
        }
    }

    /// Sends what is due, and says so when nothing is left to do.
    async fn flush(&self, channel: Option<&dyn Channel>, outgoing: &mut Vec<u8>) {
        while self.next_datagram(outgoing) {
            if let Some(channel) = channel {
                // A channel that refuses counts as loss: the datagram was due and does not arrive.
                let _ = channel.send(outgoing).await;
            }
        }
        if self.lanes().is_done() {
            self.is_done.send_if_modified(|is_done| !std::mem::replace(is_done, true));
        }
    }

    fn next_datagram(&self, outgoing: &mut Vec<u8>) -> bool {
        self.lanes().poll_transmit(self.handle.now(), outgoing)
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An alarm that is set anew only when its time changes: alarms of one instant go off in the order
/// in which they were set.
struct Timer<'a> {
    handle: &'a Handle,
    alarm: Option<(SimTime, Alarm)>,
}

impl Timer<'_> {
    fn set(&mut self, timeout: Option<SimTime>) {
        if self.alarm.as_ref().map(|(at, _)| *at) != timeout {
            self.alarm = timeout.map(|at| (at, self.handle.sleep_until(at)));
        }
    }

    /// Returns when it goes off, and then it is not set any more.
    async fn elapsed(&mut self) {
        match &mut self.alarm {
            Some((_, alarm)) => alarm.await,
            None => std::future::pending().await,
        }
        self.alarm = None;
    }
}

/// Receives one datagram; never, from a channel that is closed or not there.
async fn receive(channel: Option<&dyn Channel>, buffer: &mut [u8]) -> usize {
    if let Some(channel) = channel
        && let Ok(length) = channel.receive(buffer).await
    {
        return length;
    }
    std::future::pending().await
}
