//! Port allocation: how external ports follow from internal ones (RFC 4787 section 4.2).

use natbed_nat::PortAllocation;
use natbed_network::TopologyError;

use super::findings::Seen;
use super::lab::{Lab, ServerEnd, Socket, Subject};

/// How many sockets a test opens; carrier NATs give a host few ports.
const SAMPLES: u16 = 8;

pub(super) const TOO_FEW_PORTS: &str = "the box gave out too few ports to tell";
const STRICT: &str = "every port is kept as it is";
const NO_CLASH: &str = "two hosts with one internal port did not clash";

/// How the external ports of one host's sockets look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// Each is the internal one.
    Kept,
    /// Each comes after the one before.
    Rising,
    /// There is no order in them.
    Random,
}

/// Even internal ports that are no neighbours of each other.
fn even(index: u16) -> u16 {
    40_000 + 10 * index
}

/// The port that a sequence comes to `steps` after `port`.
pub(super) fn next_port(port: u16, steps: u16) -> u16 {
    port.checked_add(steps).unwrap_or(1_023 + steps)
}

/// Finds out how ports are allocated.
///
/// Two hosts that use one internal port tell apart the three ways to keep it: toward different
/// destinations, overloading keeps it for both, exclusive preservation gives the second host
/// another, and a strict NAT gives it none.
pub(super) fn allocation(subject: &Subject<'_>) -> Result<Seen<PortAllocation>, TopologyError> {
    let mut lab = Lab::switch_on(subject)?;
    let looks = match looks(&mut lab) {
        Some(Looks::Kept) => return kept(subject),
        Some(Looks::Rising) => Seen::Value(PortAllocation::Sequential),
        Some(Looks::Random) => Seen::Value(PortAllocation::Random),
        None => Seen::NotVisible(TOO_FEW_PORTS),
    };
    Ok(looks)
}

fn looks(lab: &mut Lab) -> Option<Looks> {
    let pairs: Vec<(u16, u16)> = (0..SAMPLES)
        .map(|index| Socket { host: 0, port: even(index) })
        .filter_map(|socket| Some((socket.port, lab.mapped(socket, ServerEnd::FIRST)?.port)))
        .collect();
    if pairs.len() < 4 {
        return None;
    }
    if pairs.iter().all(|(internal, external)| internal == external) {
        return Some(Looks::Kept);
    }
    // By two if parity is kept; the end of a block or of all ports makes another step.
    let steps = pairs.windows(2).map(|pair| pair[1].1.wrapping_sub(pair[0].1));
    let rising = steps.filter(|step| matches!(step, 1 | 2)).count();
    Some(if 3 * rising >= 2 * (pairs.len() - 1) { Looks::Rising } else { Looks::Random })
}

fn kept(subject: &Subject<'_>) -> Result<Seen<PortAllocation>, TopologyError> {
    let port = even(0);
    let mut lab = Lab::switch_on(subject)?;
    lab.mapped(Socket { host: 0, port }, ServerEnd::FIRST);
    let second = lab.mapped(Socket { host: 1, port }, ServerEnd::OTHER_ADDRESS);
    Ok(match second.map(|mapped| mapped.port) {
        Some(mapped) if mapped == port => Seen::Value(PortAllocation::PreserveWithOverload),
        Some(_) => Seen::Value(PortAllocation::Preserve),
        // Is it the port, or does the second host get nowhere?
        None => match lab.mapped(Socket { host: 1, port: even(1) }, ServerEnd::OTHER_ADDRESS) {
            Some(_) => Seen::Value(PortAllocation::Strict),
            None => Seen::NotVisible(TOO_FEW_PORTS),
        },
    })
}

/// Finds out whether parity is kept.
///
/// Where ports are kept anyway, two hosts with one internal port have to clash first.
pub(super) fn parity(
    subject: &Subject<'_>,
    allocation: PortAllocation,
) -> Result<Seen<bool>, TopologyError> {
    let mut lab = Lab::switch_on(subject)?;
    // All even ports first: alternating ones would keep their parity in any sequence.
    let internal = (0..SAMPLES).map(even).chain((0..SAMPLES).map(|index| even(index) + 5));
    let external: Vec<(u16, u16)> = match chosen(&mut lab, allocation, internal) {
        Ok(external) => external,
        Err(reason) => return Ok(Seen::NotVisible(reason)),
    };
    let evens = external.iter().filter(|(internal, _)| internal % 2 == 0).count();
    if evens < 4 || external.len() - evens < 4 {
        return Ok(Seen::NotVisible(TOO_FEW_PORTS));
    }
    Ok(Seen::Value(external.iter().all(|(internal, external)| internal % 2 == external % 2)))
}

/// Finds out whether neighbours become neighbours.
pub(super) fn contiguity(
    subject: &Subject<'_>,
    allocation: PortAllocation,
    parity: Option<bool>,
) -> Result<Seen<bool>, TopologyError> {
    if allocation == PortAllocation::Sequential && parity != Some(true) {
        return Ok(Seen::NotVisible("the next port is the next one in sequence anyway"));
    }
    let mut lab = Lab::switch_on(subject)?;
    // An even port in between moves a sequence on and, with parity kept, leaves the neighbour free.
    let internal = (0..SAMPLES / 2).flat_map(|index| {
        let first = even(2 * index);
        [first, first + 10, first + 1]
    });
    let external = match chosen(&mut lab, allocation, internal) {
        Ok(external) => external,
        Err(reason) => return Ok(Seen::NotVisible(reason)),
    };
    let of = |port| external.iter().find(|(internal, _)| *internal == port).map(|pair| pair.1);
    let pairs: Vec<_> = (0..SAMPLES / 2)
        .filter_map(|index| of(even(2 * index)).zip(of(even(2 * index) + 1)))
        .collect();
    if pairs.len() < 2 {
        return Ok(Seen::NotVisible(TOO_FEW_PORTS));
    }
    Ok(Seen::Value(pairs.iter().all(|(even, odd)| even.checked_add(1) == Some(*odd))))
}

/// Lets the box choose an external port for each internal one: pairs of both.
///
/// Where ports are kept, the first host takes each before the second host asks for it.
fn chosen(
    lab: &mut Lab,
    allocation: PortAllocation,
    internal: impl Iterator<Item = u16>,
) -> Result<Vec<(u16, u16)>, &'static str> {
    let host = match allocation {
        PortAllocation::Strict => return Err(STRICT),
        PortAllocation::Preserve | PortAllocation::PreserveWithOverload => 1,
        PortAllocation::Sequential | PortAllocation::Random => 0,
    };
    let mut pairs = Vec::new();
    for port in internal {
        if host == 1 {
            lab.mapped(Socket { host: 0, port }, ServerEnd::FIRST);
        }
        let mapped = lab.mapped(Socket { host, port }, ServerEnd::FIRST);
        pairs.extend(mapped.map(|mapped| (port, mapped.port)));
    }
    if host == 1 && pairs.iter().any(|(internal, external)| internal == external) {
        return Err(NO_CLASH);
    }
    Ok(pairs)
}
