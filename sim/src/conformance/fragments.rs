//! Checks about packets that are too long: RFC 4787 section 10 and 11.

use bytes::Bytes;
use natbed_nat::Side;
use natbed_packet::{Endpoint, IcmpErrorKind, Packet};
use natbed_units::ByteCount;

use super::common::{one_way, secs};
use super::finding::{Finding, require};
use super::lab::Lab;
use super::middlebox::Setting;
use super::trial::{Flow, Trial, complaints};

const NARROW: Setting = Setting { pool: false, room: None, narrow: true, conflict: false };
/// Longer than [`Setting::narrow`] lets pass, shorter than what hosts send uncut.
const TOO_LONG: usize = 1400;
/// How many fragments a flood has.
const FLOOD: u32 = 1500;

/// Every order that three fragments can come in.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

fn datagram(from: Endpoint, to: Endpoint, length: usize, dont_fragment: bool) -> Packet {
    Packet { dont_fragment, ..Packet::udp(from, to, Bytes::from(vec![7; length])) }
}

pub(super) fn reports_what_is_too_long(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial_in(NARROW)?;
    let flow = one_way(&mut trial)?;
    let to = trial.seen_inside(flow.outside);
    let received = trial.send(Side::Inside, datagram(flow.inside, to, TOO_LONG, true));
    let arrived = received.iter().any(|(side, _)| *side == Side::Outside);
    require(!arrived, || "the packet arrives as if it were not too long".to_owned())?;
    let is_too_big = |kind| matches!(kind, IcmpErrorKind::TooBig { mtu } if mtu > 0);
    let told = complaints(&received).iter().any(|error| is_too_big(error.kind));
    require(told, || "the packet is lost, and its sender not told".to_owned())
}

pub(super) fn cuts_what_is_too_long(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial_in(NARROW)?;
    let flow = one_way(&mut trial)?;
    let long = datagram(flow.inside, flow.outside, TOO_LONG, false);
    let arrived = trial.out(long).and_then(|packet| packet.source_endpoint());
    require(arrived == Some(flow.external), || "the packet does not arrive".to_owned())
}

pub(super) fn takes_any_order(lab: &Lab<'_>) -> Finding {
    for side in [Side::Inside, Side::Outside] {
        for order in ORDERS {
            let mut trial = lab.trial()?;
            let flow = one_way(&mut trial)?;
            require(pass_fragments(&mut trial, flow, side, order), || {
                let from = if side == Side::Inside { flow.inside } else { flow.outside };
                format!("fragments from {from} in the order {order:?} do not get through")
            })?;
        }
    }
    Ok(())
}

/// Sends a datagram in three fragments; says whether it arrives.
fn pass_fragments(trial: &mut Trial, flow: Flow, side: Side, order: [usize; 3]) -> bool {
    let (from, to, arrives_at) = match side {
        Side::Inside => (flow.inside, trial.seen_inside(flow.outside), flow.outside),
        Side::Outside => (flow.outside, flow.external, flow.inside),
    };
    let fragments = cut(from, to, 1);
    let received: Vec<_> =
        order.iter().flat_map(|at| trial.send(side, fragments[*at].clone())).collect();
    received.iter().any(|(_, packet)| packet.destination_endpoint() == Some(arrives_at))
}

/// The three fragments of a datagram.
fn cut(from: Endpoint, to: Endpoint, identification: u32) -> Vec<Packet> {
    let long = datagram(from, to, 4000, false);
    long.fragments(ByteCount::new(1500), identification).expect("4000 bytes are more than 1500")
}

/// Somebody outside sends fragments, none of which begins its packet; then the peer sends.
pub(super) fn withstands_flood(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial()?;
    let flow = one_way(&mut trial)?;
    let attacker = trial.outside(2, 5000);
    for identification in 2..FLOOD {
        let mut fragments = cut(attacker, flow.external, identification);
        trial.send(Side::Outside, fragments.swap_remove(1));
    }
    trial.wait(secs(1));
    require(trial.answer(flow), || "whole packets do not get in after a flood".to_owned())?;
    let arrives = pass_fragments(&mut trial, flow, Side::Outside, ORDERS[0]);
    require(arrives, || "fragments in order do not get in after a flood of others".to_owned())
}
