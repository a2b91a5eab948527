//! The `echo` load: datagrams both ways over the selected pair, each answered by the other side.

use std::sync::{Arc, Mutex, PoisonError};

use natbed_network::observe::PayloadTag;
use natbed_runtime::Handle;
use natbed_units::{SimDuration, SimTime};

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

/// What one side saw of its own datagrams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EchoReport {
    /// Datagrams sent.
    pub sent: u32,
    /// Datagrams of the other side that arrived here.
    pub arrived: u32,
    /// Round-trip time of each datagram whose echo came back, in order of return.
    pub round_trips: Vec<SimDuration>,
}

impl EchoReport {
    /// Datagrams whose echo did not come back.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.sent.saturating_sub(self.round_trips.len() as u32)
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

/// Runs the load on one side until all its echoes are back, or they are past waiting for.
///
/// The answering half goes on in a task of its own for as long as the channel is open, so that
/// the other side gets its echoes even when this one is done first.
pub(crate) async fn run_echo(
    handle: &Handle,
    channel: Arc<dyn Channel>,
    tag: PayloadTag,
    config: EchoConfig,
) -> Arc<Mutex<EchoReport>> {
    let report = Arc::new(Mutex::new(EchoReport::default()));
    let (done_tx, mut done) = tokio::sync::watch::channel(false);
    let answering =
        answer(handle.clone(), Arc::clone(&channel), tag, config, Arc::clone(&report), done_tx);
    tokio::spawn(answering);

    let mut buffer = vec![0; config.size.max(EchoConfig::MIN_SIZE)];
    for sequence in 0..config.count {
        if sequence > 0 {
            handle.sleep_until(handle.now() + config.interval).await;
        }
        Datagram { kind: PROBE, sequence, sent_at: handle.now() }.write(tag, &mut buffer);
        lock(&report).sent += 1;
        // A channel that refuses counts as loss: the datagram was due and did not come back.
        let _ = channel.send(&buffer).await;
    }
    let deadline = handle.now() + PATIENCE;
    tokio::select! { biased;
        _ = done.wait_for(|done| *done) => {}
        () = handle.sleep_until(deadline) => {}
    }
    report
}

async fn answer(
    handle: Handle,
    channel: Arc<dyn Channel>,
    tag: PayloadTag,
    config: EchoConfig,
    report: Arc<Mutex<EchoReport>>,
    done: tokio::sync::watch::Sender<bool>,
) {
    let mut buffer = vec![0; 2048];
    let mut returned = vec![false; config.count as usize];
    while let Ok(length) = channel.receive(&mut buffer).await {
        let bytes = &mut buffer[..length];
        let Some(datagram) = Datagram::read(tag, bytes) else { continue };
        if datagram.kind == PROBE {
            lock(&report).arrived += 1;
            bytes[8] = ECHO;
            let _ = channel.send(bytes).await; // lost, as the other side will see
        } else if let Some(seen @ false) = returned.get_mut(datagram.sequence as usize) {
            *seen = true;
            let mut report = lock(&report);
            report.round_trips.push(handle.now().saturating_since(datagram.sent_at));
            if report.round_trips.len() == returned.len() {
                done.send_replace(true);
            }
        }
    }
}

fn lock(report: &Mutex<EchoReport>) -> std::sync::MutexGuard<'_, EchoReport> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}
