//! From "call bob" to both sides' candidates, in Jami's order.
//!
//! The caller gathers and puts its offer. Whoever is called sees it by its listen, gathers, puts its
//! answer and begins its checks at once; the caller begins them when it has the answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use natbed_dht::{ConnectionRequest, OperationId};
use natbed_runtime::Handle;
use natbed_units::{SimDuration, SimTime};
use tokio::sync::Notify;

use super::device::{Device, DeviceReport, Way};
use super::device_node::DeviceNode;
use super::offer::{ice_description, ice_text};
use crate::agent::{AgentError, Channel, IceAgent, Role};
use crate::session::{Attempt, check, gather};

/// What one of a device's nodes has put.
type Put = (Arc<DeviceNode>, OperationId);

/// How two devices are to find each other; the first one calls.
#[derive(Clone, Debug)]
pub struct CallDiscovery {
    /// The devices of the session's peers.
    pub devices: [Arc<Device>; 2],
    /// What the call is about: by this the called device tells the sessions of one caller apart.
    pub matter: String,
    /// When the first one calls; every restart calls again, at once.
    pub call_at: SimTime,
    /// How long the caller waits for the answer, from when it puts its offer. In Jami this is 30 s.
    pub answer_within: SimDuration,
}

/// What became of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallReport {
    /// When the person called; the caller's agent then began to gather.
    pub called: Option<SimTime>,
    /// When the first node acknowledged the offer.
    pub offer_stored: Option<SimTime>,
    /// The nodes that acknowledged the offer, in that order.
    pub stored_at: Vec<SocketAddr>,
    /// When the called device had the offer.
    pub offer_seen: Option<SimTime>,
    /// The way on which it came first.
    pub way: Option<Way>,
    /// When the first node acknowledged the answer.
    pub answer_stored: Option<SimTime>,
    /// When the caller had the answer, and so both had the candidates of each other.
    pub answer_seen: Option<SimTime>,
    /// Why no answer came.
    pub failure: Option<CallFailure>,
    /// How both devices stood when the call was given up.
    pub at_failure: Option<[DeviceReport; 2]>,
}

/// How far a call got that was not answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallFailure {
    /// No node has acknowledged the offer.
    OfferNotStored,
    /// The offer was stored, but the called device has not seen it.
    OfferNotSeen,
    /// The called device has answered, but no node has acknowledged that.
    AnswerNotStored,
    /// The answer was stored, but the caller has not seen it.
    AnswerNotSeen,
}

/// A call's report in the making.
#[derive(Debug, Default)]
pub(crate) struct CallLog(Mutex<CallReport>);

impl CallLog {
    pub(crate) fn report(&self) -> CallReport {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: impl FnOnce(&mut CallReport)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn failed(&self, devices: &[Arc<Device>; 2]) {
        self.note(|report| {
            report.at_failure = Some(devices.each_ref().map(|device| device.report()));
            let step = [
                (report.offer_stored.or(report.offer_seen), CallFailure::OfferNotStored),
                (report.offer_seen, CallFailure::OfferNotSeen),
                (report.answer_stored, CallFailure::AnswerNotStored),
            ];
            let missing = step.into_iter().find(|(done, _)| done.is_none());
            report.failure = Some(missing.map_or(CallFailure::AnswerNotSeen, |(_, why)| why));
        });
    }
}

/// Calls, answers, and checks.
pub(crate) async fn exchange(
    handle: &Handle,
    call: &CallDiscovery,
    start: [SimDuration; 2],
    agents: &[Arc<dyn IceAgent>; 2],
    log: &CallLog,
) -> Attempt {
    let hung_up = Notify::new();
    log.note(|report| {
        report.called.get_or_insert(handle.now());
    });
    let caller = async {
        let connected = call_out(handle, call, start[0], &agents[0], log).await;
        if matches!(connected.result, Err(ref error) if !is_of_ice(error)) {
            hung_up.notify_one();
        }
        connected
    };
    let called = take_call(handle, call, start[1], &agents[1], log, &hung_up);
    let (a, b) = tokio::join!(caller, called);
    let gathered = [a.gathered, b.gathered];
    let candidates = [a.candidates, b.candidates];
    let outcome = match (a.result, b.result) {
        (Ok(a), Ok(b)) => Ok([a, b]),
        (a, b) => Err([a.err(), b.err()]),
    };
    Attempt { gathered, candidates, outcome }
}

/// Says whether a failure is one of the agent's own; its peer then notices by itself.
fn is_of_ice(error: &AgentError) -> bool {
    matches!(error, AgentError::Failed | AgentError::Closed)
}

/// One side's part in getting connected.
struct Connected {
    gathered: Option<SimTime>,
    candidates: Vec<String>,
    result: Result<Arc<dyn Channel>, AgentError>,
}

impl Connected {
    const fn failed(error: AgentError) -> Self {
        Self { gathered: None, candidates: Vec::new(), result: Err(error) }
    }
}

async fn call_out(
    handle: &Handle,
    call: &CallDiscovery,
    start: SimDuration,
    agent: &Arc<dyn IceAgent>,
    log: &CallLog,
) -> Connected {
    let [own, other] = &call.devices;
    let (gathered, description) = match gather(handle, agent).await {
        Ok(gathered) => gathered,
        Err(error) => return Connected::failed(error),
    };
    let candidates = description.candidates.clone();
    let request = ConnectionRequest {
        id: own.new_request_id(),
        ice: ice_text(&description),
        is_answer: false,
        connection_type: call.matter.clone(),
    };
    let result = async {
        let posted = own.post(handle.now(), other.public(), &request).map_err(AgentError::from)?;
        let given_up = handle.now() + call.answer_within;
        let answer = tokio::select! { biased;
            answer = own.answered(other.public(), request.id) => Some(answer),
            () = watch_offer(&posted, log) => None,
            () = handle.sleep_until(given_up) => None,
        };
        log.note(|report| {
            let stored = posted.iter().flat_map(|(node, put)| node.stored_at(*put));
            let mut stored: Vec<_> = stored.collect();
            stored.sort_by_key(|(at, _)| *at);
            report.offer_stored = report.offer_stored.or(stored.first().map(|(at, _)| *at));
            report.stored_at = stored.into_iter().map(|(_, node)| node).collect();
        });
        let Some(answer) = answer else {
            log.failed(&call.devices);
            return Err(AgentError::NoAnswer { within: call.answer_within });
        };
        log.note(|report| report.answer_seen = Some(answer.at));
        let remote = ice_description(&answer.opened.request.ice);
        let remote = remote.ok_or(AgentError::NoDescription)?;
        check(handle, agent, Role::Controlling, remote, answer.at + start).await
    };
    let result = result.await;
    Connected { gathered: Some(gathered), candidates, result }
}

/// Takes note of when the first node acknowledges the offer; ends only by being dropped.
async fn watch_offer(posted: &[Put], log: &CallLog) {
    let at = first_stored(posted).await;
    log.note(|report| report.offer_stored = Some(at));
    std::future::pending::<()>().await;
}

/// Waits until the first node has acknowledged what was put, on whichever way.
async fn first_stored(posted: &[Put]) -> SimTime {
    match posted {
        [(node, put)] => node.stored(*put).await,
        [(one, first), (other, second)] => tokio::select! { biased;
            at = one.stored(*first) => at,
            at = other.stored(*second) => at,
        },
        _ => std::future::pending().await,
    }
}

async fn take_call(
    handle: &Handle,
    call: &CallDiscovery,
    start: SimDuration,
    agent: &Arc<dyn IceAgent>,
    log: &CallLog,
    hung_up: &Notify,
) -> Connected {
    let [other, own] = &call.devices;
    // Who has seen the offer goes on by itself, whatever the caller does.
    let offer = tokio::select! { biased;
        offer = own.called(other.public(), &call.matter) => offer,
        () = hung_up.notified() => return Connected::failed(AgentError::NotCalled),
    };
    log.note(|report| {
        report.offer_seen.get_or_insert(offer.at);
        report.way.get_or_insert(offer.way);
    });
    let (gathered, description) = match gather(handle, agent).await {
        Ok(gathered) => gathered,
        Err(error) => return Connected::failed(error),
    };
    let candidates = description.candidates.clone();
    let answer = ConnectionRequest {
        id: offer.opened.request.id,
        ice: ice_text(&description),
        is_answer: true,
        connection_type: call.matter.clone(),
    };
    let result = async {
        let posted = own.post(handle.now(), other.public(), &answer).map_err(AgentError::from)?;
        let remote = ice_description(&offer.opened.request.ice);
        let remote = remote.ok_or(AgentError::NoDescription)?;
        let checks = check(handle, agent, Role::Controlled, remote, handle.now() + start);
        let mut checks = std::pin::pin!(checks);
        tokio::select! { biased;
            result = &mut checks => return result,
            at = first_stored(&posted) => log.note(|report| report.answer_stored = Some(at)),
        }
        checks.await
    };
    let result = result.await;
    Connected { gathered: Some(gathered), candidates, result }
}
