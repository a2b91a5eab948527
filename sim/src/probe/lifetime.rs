//! How long state lives, and what keeps it alive (RFC 5780 section 4.6).
//!
//! A socket's state is alive as long as an answer that a third socket has asked for, sent from where
//! the first one spoke to, still arrives there. Every idle time is tried on a box just switched on,
//! so that no trial disturbs another.

use natbed_network::TopologyError;
use natbed_packet::Endpoint;
use natbed_peer::BindingRequest;
use natbed_units::SimDuration;

use super::findings::{Findings, Seen};
use super::lab::{Lab, ServerEnd, Socket, Subject};

/// The socket under test.
const TESTED: Socket = Socket { host: 0, port: 40_000 };
/// Takes the answers that are not to reach the socket under test.
const TAKER: Socket = Socket { host: 0, port: 40_010 };
/// Asks for an answer to the socket under test.
const ASKER: Socket = Socket { host: 0, port: 40_020 };

/// What lives longer counts as living for ever.
const LONGEST: SimDuration = SimDuration::from_secs(24 * 3600);
/// The finest difference that is looked for.
const MILLISECOND: SimDuration = SimDuration::from_millis(1);
/// A flow that is no stream at this age, or after as many packets, is none at any.
const STREAM_AGE: SimDuration = SimDuration::from_secs(60);
const STREAM_PACKETS: u32 = 64;
/// A port below 1024, for the server.
const WELL_KNOWN: [u16; 2] = [53, 5353];

const OUTLIVES: &str = "it outlives a day without a packet";
const NEVER: &str = "no answer came that another socket had asked for";
const CUT: &str = "flows are cut at an age before they could end by being idle";
const NO_RENEWAL: &str = "no packet renews the timer, so that no flow lives longer than its first";
const SAME: &str = "flows seen one way and flows seen both ways end after the same time";

/// Finds out everything about lifetimes and writes it into `findings`.
pub(super) fn behaviour(
    subject: &Subject<'_>,
    findings: &mut Findings,
) -> Result<(), TopologyError> {
    let one_way = lifetime(subject, speak)?;
    let first_answer = |lab: &mut Lab| converse(lab, SimDuration::ZERO, MILLISECOND);
    let answered = lifetime(subject, first_answer)?;
    findings.udp_timeout = one_way;
    findings.udp_well_known_timeout = match one_way {
        Seen::Value(one_way) => to_well_known_port(subject, one_way)?,
        Seen::NotVisible(reason) => Seen::NotVisible(reason),
    };
    let (one_way, answered) = match (one_way, answered) {
        (Seen::Value(one_way), Seen::Value(answered)) => (one_way, answered),
        (Seen::NotVisible(reason), _) | (_, Seen::NotVisible(reason)) => {
            findings.refresh_outbound = Seen::NotVisible(reason);
            findings.refresh_inbound = Seen::NotVisible(reason);
            findings.udp_stream_timeout = Seen::NotVisible(reason);
            findings.udp_stream_after = Seen::NotVisible(reason);
            return Ok(());
        }
    };
    let outbound = is_renewed(subject, answered, |lab, _| {
        speak(lab);
    })?;
    let inbound = is_renewed(subject, answered, |lab, mapped| {
        reaches(lab, mapped);
    })?;
    findings.refresh_outbound = Seen::Value(outbound);
    findings.refresh_inbound = Seen::Value(inbound);
    if !outbound && !inbound {
        findings.udp_stream_timeout = Seen::NotVisible(NO_RENEWAL);
        findings.udp_stream_after = Seen::NotVisible(NO_RENEWAL);
        return Ok(());
    }
    let (stream, after) = stream(subject, one_way, answered)?;
    findings.udp_stream_timeout = stream;
    findings.udp_stream_after = after;
    Ok(())
}

/// What is known of flows that were seen both ways: their lifetime, and the age it takes.
type Stream = (Seen<SimDuration>, Seen<SimDuration>);

/// Finds out how long flows live that were seen both ways, and from what age on.
///
/// Conversations grow older until their last packet gives them another time than `one_way`. The
/// packets before it do not, so that they keep the flow alive even if the other time is shorter.
fn stream(
    subject: &Subject<'_>,
    one_way: SimDuration,
    answered: SimDuration,
) -> Result<Stream, TopologyError> {
    if answered != one_way {
        return Ok((Seen::Value(answered), Seen::Value(SimDuration::ZERO)));
    }
    let pace = (one_way / 2).max(MILLISECOND);
    let is_stream = |age| -> Result<bool, TopologyError> {
        let is_alive = |idle| is_alive(subject, idle, |lab| converse(lab, age, pace));
        Ok(is_alive(one_way)? || !is_alive(one_way - MILLISECOND)?)
    };
    let mut young = SimDuration::ZERO;
    for _ in 0..STREAM_PACKETS {
        let old = young + pace;
        if is_stream(old)? {
            let stream = lifetime(subject, |lab| converse(lab, old, pace))?;
            let after = oldest_that_is_no_stream(young, old, is_stream)?;
            return Ok((stream, Seen::Value(after)));
        }
        young = old;
        if young >= STREAM_AGE {
            break;
        }
    }
    Ok((Seen::Value(one_way), Seen::NotVisible(SAME)))
}

/// Finds out whether one-way flows to a port below 1024 have a time of their own.
fn to_well_known_port(
    subject: &Subject<'_>,
    one_way: SimDuration,
) -> Result<Seen<Option<SimDuration>>, TopologyError> {
    let subject = Subject { server_ports: WELL_KNOWN, ..*subject };
    let is_alive = |idle| is_alive(&subject, idle, speak);
    if !is_alive(one_way)? && is_alive(one_way - MILLISECOND)? {
        return Ok(Seen::Value(None));
    }
    Ok(lifetime(&subject, speak)?.map(Some))
}

/// Searches for the shortest idle time after which the state that `begin` makes is gone, to the
/// millisecond.
fn lifetime(
    subject: &Subject<'_>,
    begin: impl Fn(&mut Lab) -> Option<Endpoint>,
) -> Result<Seen<SimDuration>, TopologyError> {
    let is_alive_after = |idle| is_alive(subject, idle, &begin);
    if !is_alive_after(SimDuration::ZERO)? {
        return Ok(Seen::NotVisible(NEVER));
    }
    let (mut alive, mut gone) = (SimDuration::ZERO, SimDuration::from_secs(1));
    while is_alive_after(gone)? {
        if gone >= LONGEST {
            return Ok(Seen::NotVisible(OUTLIVES));
        }
        (alive, gone) = (gone, gone * 2);
    }
    while gone - alive > MILLISECOND {
        let steps = (gone - alive).as_nanos() / MILLISECOND.as_nanos();
        let middle = alive + MILLISECOND * (steps / 2);
        if is_alive_after(middle)? {
            alive = middle;
        } else {
            gone = middle;
        }
    }
    // State that has ended is made anew by the next packet. A flow that was cut stays cut, while the
    // same socket gets through to others.
    let mut lab = Lab::switch_on(subject)?;
    begin(&mut lab);
    lab.wait(gone);
    let is_cut = lab.mapped(TESTED, ServerEnd::FIRST).is_none()
        && lab.mapped(TESTED, ServerEnd::OTHER_ADDRESS).is_some();
    Ok(if is_cut { Seen::NotVisible(CUT) } else { Seen::Value(gone) })
}

/// Searches for the oldest age at which a flow is no stream yet, to the nanosecond, between `young`
/// that is none and `old` that is one.
fn oldest_that_is_no_stream(
    mut young: SimDuration,
    mut old: SimDuration,
    is_stream: impl Fn(SimDuration) -> Result<bool, TopologyError>,
) -> Result<SimDuration, TopologyError> {
    while old - young > SimDuration::from_nanos(1) {
        let middle = young + (old - young) / 2;
        if is_stream(middle)? {
            old = middle;
        } else {
            young = middle;
        }
    }
    Ok(young)
}

/// Says whether the state that `begin` makes is still there after `idle`.
fn is_alive(
    subject: &Subject<'_>,
    idle: SimDuration,
    begin: impl FnOnce(&mut Lab) -> Option<Endpoint>,
) -> Result<bool, TopologyError> {
    let mut lab = Lab::switch_on(subject)?;
    let Some(mapped) = begin(&mut lab) else { return Ok(false) };
    lab.wait(idle);
    Ok(reaches(&mut lab, mapped))
}

/// Says whether a packet in the last millisecond of an answered flow's `lifetime` renews it.
fn is_renewed(
    subject: &Subject<'_>,
    lifetime: SimDuration,
    renew: impl FnOnce(&mut Lab, Endpoint),
) -> Result<bool, TopologyError> {
    let begin = |lab: &mut Lab| {
        let mapped = lab.mapped(TESTED, ServerEnd::FIRST)?;
        lab.wait(lifetime - MILLISECOND);
        renew(lab, mapped);
        Some(mapped)
    };
    is_alive(subject, MILLISECOND, begin)
}

/// Sends one packet whose answer goes to another socket; returns the mapping that it took.
fn speak(lab: &mut Lab) -> Option<Endpoint> {
    let taker = lab.mapped(TAKER, ServerEnd::FIRST)?;
    let request = BindingRequest { response_port: Some(taker.port), ..BindingRequest::default() };
    let arrival = lab.ask(TESTED, ServerEnd::FIRST, request)?;
    arrival.response.filter(|_| arrival.at == TAKER).map(|response| response.mapped)
}

/// Sends packets that are answered, `pace` apart and the last of them at `age`; returns the mapping
/// of the last.
fn converse(lab: &mut Lab, age: SimDuration, pace: SimDuration) -> Option<Endpoint> {
    let mut left = age;
    let mut mapped = lab.mapped(TESTED, ServerEnd::FIRST)?;
    while !left.is_zero() {
        let step = left.min(pace);
        lab.wait(step);
        left = left - step;
        mapped = lab.mapped(TESTED, ServerEnd::FIRST)?;
    }
    Some(mapped)
}

/// Says whether an answer that another socket asks for reaches the socket under test.
fn reaches(lab: &mut Lab, mapped: Endpoint) -> bool {
    let request = BindingRequest { response_port: Some(mapped.port), ..BindingRequest::default() };
    lab.ask(ASKER, ServerEnd::FIRST, request).is_some_and(|arrival| arrival.at == TESTED)
}
