//! The `echo` load: datagrams both ways over the selected pair, each answered by the other side.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use natbed_network::observe::PayloadTag;
use natbed_runtime::Handle;
use natbed_units::{SimDuration, SimTime};
use tokio::sync::watch;

use crate::agent::Channel;

/// How long the last echoes are waited for before they count as lost.
const PATIENCE: SimDuration = SimDuration::from_secs(2);

/// What each side sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoConfig {
    /// Datagrams that each side sends.
    pub count: u32,
    /// Time between two of them.
    pub interval: SimDuration,
    /// Bytes of each, at least [`EchoConfig::MIN_SIZE`].
    pub size: usize,
}

impl EchoConfig {
    /// The smallest datagram: tag, kind, sequence number and time of sending.
    pub const MIN_SIZE: usize = 24;
}

/// What one side saw of its own datagrams and of the other side's.
///
/// No list is longer than the load's [`EchoConfig::count`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EchoReport {
    /// When each datagram was due and sent, if there was a way to send it.
    pub sent: Vec<SimTime>,
    /// When each datagram of the other side arrived here, by its number; those that did not arrive
    /// are `None`, or missing at the end.
    pub arrivals: Vec<Option<SimTime>>,
    /// Round-trip time of each datagram whose echo came back, in order of return.
    pub round_trips: Vec<SimDuration>,
}

impl EchoReport {
    /// Datagrams of the other side that arrived here.
    #[must_use]
    pub fn arrived(&self) -> usize {
        self.arrivals.iter().flatten().count()
    }

    /// Datagrams whose echo did not come back.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.sent.len().saturating_sub(self.round_trips.len())
    }
}

const PROBE: u8 = 0;
const ECHO: u8 = 1;

/// A datagram of the load: tag (8), kind (1), zero (3), sequence (4), sent at (8), then zeros.
struct Datagram {
    kind: u8,
    sequence: u32,
    sent_at: SimTime,
}

impl Datagram {
    fn write(&self, tag: PayloadTag, buffer: &mut [u8]) {
        buffer[..8].copy_from_slice(tag.as_bytes());
        buffer[8..12].copy_from_slice(&[self.kind, 0, 0, 0]);
        buffer[12..16].copy_from_slice(&self.sequence.to_be_bytes());
        buffer[16..24].copy_from_slice(&self.sent_at.as_nanos().to_be_bytes());
    }

    fn read(tag: PayloadTag, bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<{ EchoConfig::MIN_SIZE }>()?;
        let (head, rest) = header.split_first_chunk::<8>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<4>()?;
        let sent_at = rest.first_chunk::<8>()?;
        (head == tag.as_bytes()).then(|| Self {
            kind: kind[0],
            sequence: u32::from_be_bytes(*sequence),
            sent_at: SimTime::from_nanos(u64::from_be_bytes(*sent_at)),
        })
    }
}

/// One side of the load, which goes on in its own time over whatever channel there is.
pub(crate) struct Echo {
    handle: Handle,
    tag: PayloadTag,
    config: EchoConfig,
    progress: Mutex<Progress>,
    is_answered: watch::Sender<bool>,
}

#[derive(Default)]
struct Progress {
    channel: Option<Arc<dyn Channel>>,
    report: EchoReport,
    /// Which datagrams have come back.
    returned: Vec<bool>,
}

impl Echo {
    pub(crate) fn new(handle: &Handle, tag: PayloadTag, config: EchoConfig) -> Arc<Self> {
        let returned = vec![false; config.count as usize];
        Arc::new(Self {
            handle: handle.clone(),
            tag,
            config,
            progress: Mutex::new(Progress { returned, ..Progress::default() }),
            is_answered: watch::channel(false).0,
        })
    }

    /// Sends over `channel` from now on, and answers what comes in over it.
    ///
    /// Answering goes on in a task of its own for as long as the channel is open, so that the
    /// other side gets its echoes even when this one is done first.
    pub(crate) fn attach(self: &Arc<Self>, channel: Arc<dyn Channel>) {
        self.lock().channel = Some(Arc::clone(&channel));
        tokio::spawn(Arc::clone(self).answer(channel));
    }

    /// Has nothing to send over from now on: what is due until the next channel is lost.
    pub(crate) fn detach(&self) {
        self.lock().channel = None;
    }

    /// Returns what has been seen so far.
    pub(crate) fn report(&self) -> EchoReport {
        self.lock().report.clone()
    }

    /// Sends everything and waits until all echoes are back, or they are past waiting for.
    pub(crate) async fn run(&self) {
        let mut buffer = vec![0; self.config.size.max(EchoConfig::MIN_SIZE)];
        for sequence in 0..self.config.count {
            if sequence > 0 {
                self.handle.sleep_until(self.handle.now() + self.config.interval).await;
            }
            let sent_at = self.handle.now();
            Datagram { kind: PROBE, sequence, sent_at }.write(self.tag, &mut buffer);
            let channel = {
                let mut progress = self.lock();
                progress.report.sent.push(sent_at);
                progress.channel.clone()
            };
            if let Some(channel) = channel {
                // A channel that refuses counts as loss: the datagram was due and did not come back.
                let _ = channel.send(&buffer).await;
            }
        }
        let deadline = self.handle.now() + PATIENCE;
        let mut answered = self.is_answered.subscribe();
        tokio::select! { biased;
            _ = answered.wait_for(|is_answered| *is_answered) => {}
            () = self.handle.sleep_until(deadline) => {}
        }
    }

    async fn answer(self: Arc<Self>, channel: Arc<dyn Channel>) {
        let mut buffer = vec![0; 2048];
        while let Ok(length) = channel.receive(&mut buffer).await {
            let bytes = &mut buffer[..length];
            let Some(datagram) = Datagram::read(self.tag, bytes) else { continue };
            if datagram.kind == PROBE {
                self.note_arrival(datagram.sequence);
                bytes[8] = ECHO;
                let _ = channel.send(bytes).await; // lost, as the other side will see
            } else {
                self.note_return(&datagram);
            }
        }
    }

    fn note_arrival(&self, sequence: u32) {
        if sequence >= self.config.count {
            return;
        }
        let number = sequence as usize;
        let arrivals = &mut self.lock().report.arrivals;
        if arrivals.len() <= number {
            arrivals.resize(number + 1, None);
        }
        arrivals[number].get_or_insert(self.handle.now());
    }

    fn note_return(&self, datagram: &Datagram) {
        let Progress { report, returned, .. } = &mut *self.lock();
        let Some(seen @ false) = returned.get_mut(datagram.sequence as usize) else { return };
        *seen = true;
        report.round_trips.push(self.handle.now().saturating_since(datagram.sent_at));
        if report.round_trips.len() == returned.len() {
            self.is_answered.send_replace(true);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
