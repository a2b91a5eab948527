//! Checks that several RFCs share, for UDP, TCP and ICMP queries alike.

use natbed_nat::{Filtering, Side};
use natbed_packet::{Body, Endpoint, IcmpErrorKind, Packet, Protocol, TcpFlags};
use natbed_units::SimDuration;

use super::finding::{Finding, Shortfall, applies, require};
use super::lab::Lab;
use super::packets::{self, FIN_ACK};
use super::trial::{Complaint, Flow, Trial, complaints, shown};

/// The port that hosts inside send from.
pub(super) const PORT: u16 = 40_000;
/// The port outside that they send to.
pub(super) const SERVER_PORT: u16 = 3478;

/// Every ICMP error there is.
pub(super) const ERRORS: [IcmpErrorKind; 6] = [
    IcmpErrorKind::NetUnreachable,
    IcmpErrorKind::HostUnreachable,
    IcmpErrorKind::PortUnreachable,
    IcmpErrorKind::AdminProhibited,
    IcmpErrorKind::TooBig { mtu: 1300 },
    IcmpErrorKind::TtlExceeded,
];

/// Those of them that are Destination Unreachable: ICMP type 3.
pub(super) const UNREACHABLE: [IcmpErrorKind; 5] =
    [ERRORS[0], ERRORS[1], ERRORS[2], ERRORS[3], ERRORS[4]];

pub(super) const fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

/// Opens the usual flow.
pub(super) fn open(trial: &mut Trial, protocol: Protocol) -> Result<Flow, Shortfall> {
    trial.open(protocol, trial.inside(0, PORT), trial.outside(0, SERVER_PORT))
}

/// Opens the usual UDP flow.
pub(super) fn one_way(trial: &mut Trial) -> Result<Flow, Shortfall> {
    open(trial, Protocol::Udp)
}

/// Opens the usual UDP flow and uses it both ways for long enough that any box believes it.
///
/// The last packet is from inside: those from outside need not renew anything.
pub(super) fn two_way(trial: &mut Trial) -> Result<Flow, Shortfall> {
    let flow = one_way(trial)?;
    for _ in 0..2 {
        require(trial.answer(flow), || format!("an answer to {} does not get in", flow.external))?;
        trial.wait(secs(3));
        require(trial.repeat(flow), || format!("{} does not get out any more", flow.inside))?;
    }
    Ok(flow)
}

/// Opens the usual TCP connection.
pub(super) fn connected(trial: &mut Trial) -> Result<Flow, Shortfall> {
    trial.connect(trial.inside(0, PORT), trial.outside(0, SERVER_PORT))
}

/// Opens the usual TCP connection and closes it from both sides.
pub(super) fn closed(trial: &mut Trial) -> Result<Flow, Shortfall> {
    let flow = connected(trial)?;
    for side in [Side::Outside, Side::Inside] {
        require(trial.segment(flow, side, FIN_ACK), || "a FIN does not pass".to_owned())?;
    }
    Ok(flow)
}

/// Says whether a segment from outside still reaches the end inside.
pub(super) fn still_connected(trial: &mut Trial, flow: Flow) -> bool {
    trial.segment(flow, Side::Outside, TcpFlags::ACK)
}

/// The external endpoint is the same for all destinations.
pub(super) fn maps_independently(lab: &Lab<'_>, protocol: Protocol) -> Finding {
    let mut trial = lab.trial()?;
    let flow = open(&mut trial, protocol)?;
    for (address, port) in [(0, 3479), (1, SERVER_PORT), (2, SERVER_PORT), (3, 3479)] {
        let to = trial.outside(address, port);
        let other = trial.map(protocol, flow.inside, to);
        require(other == Some(flow.external), || {
            let Flow { inside, external, outside, .. } = flow;
            format!("{inside} is {external} toward {outside}, and {} toward {to}", shown(other))
        })?;
    }
    Ok(())
}

/// Two hosts inside never have one external endpoint.
pub(super) fn never_overloads(lab: &Lab<'_>, protocol: Protocol) -> Finding {
    for (address, port) in [(0, SERVER_PORT), (0, 3479), (2, SERVER_PORT)] {
        let mut trial = lab.trial()?;
        let flow = open(&mut trial, protocol)?;
        let (from, to) = (trial.inside(1, PORT), trial.outside(address, port));
        let other = trial.map(protocol, from, to);
        require(other != Some(flow.external), || {
            format!("{} and {from} are both {} outside", flow.inside, flow.external)
        })?;
    }
    Ok(())
}

/// What is seen of a packet between two hosts inside that goes by way of the box.
pub(super) struct Hairpin {
    pub(super) trial: Trial,
    pub(super) sender: Flow,
    pub(super) receiver: Flow,
    /// As it reached the receiver.
    pub(super) packet: Packet,
}

/// Sends a packet from one host inside to the external endpoint of another.
///
/// Both send, and the first one again, so that each has let the other in.
pub(super) fn hairpin(lab: &Lab<'_>, protocol: Protocol) -> Result<Hairpin, Shortfall> {
    let mut trial = lab.trial()?;
    let sender = open(&mut trial, protocol)?;
    let receiver = trial.open(protocol, trial.inside(1, 41_000), trial.outside(0, SERVER_PORT))?;
    let mut received = Vec::new();
    for (from, to) in [(sender, receiver), (receiver, sender), (sender, receiver)] {
        let to = trial.seen_inside(to.external);
        received =
            trial.send(Side::Inside, packets::first(protocol, Side::Inside, from.inside, to));
    }
    let is_it = |packet: &Packet| {
        packet.destination == receiver.inside.ip && packet.source_endpoint().is_some()
    };
    match received.into_iter().map(|(_, packet)| packet).find(is_it) {
        Some(packet) => Ok(Hairpin { trial, sender, receiver, packet }),
        None => Err(Shortfall::Violated(format!(
            "{protocol} from {} to {}, which is {} outside, does not arrive",
            sender.inside, receiver.inside, receiver.external
        ))),
    }
}

/// A hairpinned packet comes from an external endpoint.
pub(super) fn hairpins_with_external_source(lab: &Lab<'_>, protocol: Protocol) -> Finding {
    let seen = hairpin(lab, protocol).map_err(not_applicable)?;
    let source = seen.packet.source_endpoint();
    let external = seen.trial.seen_inside(seen.sender.external);
    require(source.is_some_and(|source| source.ip == external.ip), || {
        format!("{} got it from {}", seen.receiver.inside, shown(source))
    })
}

/// What cannot be looked at because of another shortfall is not applicable.
pub(super) fn not_applicable(shortfall: Shortfall) -> Shortfall {
    match shortfall {
        Shortfall::Violated(seen) | Shortfall::NotApplicable(seen) => {
            Shortfall::NotApplicable(seen)
        }
    }
}

/// No ICMP error ends a flow, from whichever side.
pub(super) fn survives_errors(
    lab: &Lab<'_>,
    set_up: impl Fn(&mut Trial) -> Result<Flow, Shortfall>,
    is_alive: impl Fn(&mut Trial, Flow) -> bool,
) -> Finding {
    for kind in ERRORS {
        for side in [Side::Outside, Side::Inside] {
            let mut trial = lab.trial()?;
            let flow = set_up(&mut trial)?;
            let error = match side {
                Side::Outside => trial.error_about(flow, flow.outside.ip, kind),
                Side::Inside => complain_inside(&trial, flow, kind),
            };
            trial.send(side, error);
            trial.wait(secs(1));
            require(is_alive(&mut trial, flow), || {
                format!("after \"{kind}\" from {side:?}, answers no longer reach {}", flow.inside)
                    .replace("Outside", "outside")
                    .replace("Inside", "inside")
            })?;
        }
    }
    Ok(())
}

/// The error that the end inside sends about a packet of a flow that reached it.
pub(super) fn complain_inside(trial: &Trial, flow: Flow, kind: IcmpErrorKind) -> Packet {
    let Flow { protocol, inside, outside, .. } = flow;
    let offender = packets::answer(protocol, Side::Outside, trial.seen_inside(outside), inside);
    Packet::icmp_error(inside.ip, kind, &offender).expect("it is unicast and no error")
}

/// Sends an ICMP error about a flow from outside and returns it as it reached the end inside.
pub(super) fn error_inward(
    trial: &mut Trial,
    flow: Flow,
    from: usize,
    kind: IcmpErrorKind,
) -> Option<Complaint> {
    let from = trial.outside(from, 0).ip;
    let error = trial.error_about(flow, from, kind);
    let received = trial.send(Side::Outside, error);
    complaints(&received).into_iter().find(|complaint| complaint.side == Side::Inside)
}

/// Destination Unreachable messages reach the end inside that they concern.
pub(super) fn forwards_unreachable(lab: &Lab<'_>, protocol: Protocol) -> Finding {
    let mut trial = lab.trial()?;
    let flow = open(&mut trial, protocol)?;
    for kind in UNREACHABLE {
        let seen = error_inward(&mut trial, flow, 0, kind);
        require(seen.is_some_and(|error| error.quoted.source == flow.inside), || {
            format!("\"{kind}\" about {} does not reach {}", flow.external, flow.inside)
        })?;
    }
    Ok(())
}

/// Nothing but addresses and ports is changed, toward any of `ports`.
pub(super) fn leaves_payload_alone(lab: &Lab<'_>, protocol: Protocol, ports: &[u16]) -> Finding {
    for port in ports {
        let mut trial = lab.trial()?;
        let (from, to) = (trial.inside(0, PORT), trial.outside(0, *port));
        let flow = match protocol {
            Protocol::Tcp => trial.connect(from, to)?,
            _ => trial.open(protocol, from, to)?,
        };
        let (mine, theirs) = (telling(flow.inside), telling(flow.external));
        let out = carrying(protocol, Side::Inside, flow.inside, flow.outside, &mine);
        let back = carrying(protocol, Side::Outside, flow.outside, flow.external, &theirs);
        for (sent, came) in [(&mine, trial.out(out)), (&theirs, trial.inward(back))] {
            let Some(came) = came else { continue };
            require(payload(&came) == Some(sent.as_bytes()), || {
                format!("the payload changes on its way to or from port {port}")
            })?;
        }
    }
    Ok(())
}

/// Text that an application level gateway would rewrite.
fn telling(endpoint: Endpoint) -> String {
    let Endpoint { ip, port } = endpoint;
    format!("INVITE sip:natbed@{endpoint} SIP/2.0\r\nc=IN IP4 {ip}\r\nm=audio {port} RTP/AVP 0\r\n")
}

fn carrying(protocol: Protocol, side: Side, from: Endpoint, to: Endpoint, text: &str) -> Packet {
    let payload = text.to_owned().into();
    if protocol != Protocol::Tcp {
        return Packet::udp(from, to, payload);
    }
    let mut packet = packets::segment(side, TcpFlags::ACK.with(TcpFlags::PSH), from, to);
    if let Body::Tcp(tcp) = &mut packet.body {
        tcp.payload = payload;
    }
    packet
}

fn payload(packet: &Packet) -> Option<&[u8]> {
    match &packet.body {
        Body::Udp(udp) => Some(&udp.payload),
        Body::Tcp(tcp) => Some(&tcp.payload),
        Body::Icmp(_) | Body::Fragment(_) => None,
    }
}

/// The filter lets in everybody, or all ports of an address that was sent to.
pub(super) fn filters_as_recommended(lab: &Lab<'_>, protocol: Protocol) -> Finding {
    let filtering = lab.filtering(protocol)?;
    require(filtering != Filtering::AddressAndPortDependent, || {
        "only the very endpoint that was sent to gets in (APDF)".to_owned()
    })
}

/// State has to live for `floor` at least.
pub(super) fn lives(
    lab: &Lab<'_>,
    floor: SimDuration,
    what: &str,
    set_up: impl Fn(&mut Trial) -> Result<Flow, Shortfall>,
    is_alive: impl Fn(&mut Trial, Flow) -> bool,
) -> Finding {
    let lifetime = lab.lifetime(floor, set_up, is_alive)?;
    require(lifetime >= floor, || format!("{what} ends after {lifetime}"))
}

/// A UDP flow lives for `floor` at least, seen one way or both ways.
pub(super) fn udp_lives(lab: &Lab<'_>, floor: SimDuration) -> Finding {
    lives(lab, floor, "a flow seen one way only", one_way, Trial::answer)?;
    lives(lab, floor, "a flow seen both ways", two_way, Trial::answer)
}

/// Says whether `meanwhile`, done within the lifetime of what `set_up` makes, lets it live longer.
pub(super) fn is_renewed_by(
    lab: &Lab<'_>,
    set_up: impl Fn(&mut Trial) -> Result<Flow, Shortfall>,
    is_alive: impl Fn(&mut Trial, Flow) -> bool,
    meanwhile: impl Fn(&mut Trial, Flow),
) -> Result<bool, Shortfall> {
    let lifetime = lab.lifetime(super::lab::LONG, &set_up, &is_alive)?;
    applies(lifetime < super::lab::LONG, || "its state does not end".to_owned())?;
    let mut trial = lab.trial()?;
    let flow = set_up(&mut trial)?;
    trial.wait(lifetime * 3 / 5);
    meanwhile(&mut trial, flow);
    trial.wait(lifetime * 3 / 5);
    Ok(is_alive(&mut trial, flow))
}

/// The timer of a destination port below 1024 may be shorter, and of no other.
pub(super) fn only_well_known_ports_are_short(lab: &Lab<'_>) -> Finding {
    let lifetime = |port| {
        let set_up = move |trial: &mut Trial| {
            trial.open(Protocol::Udp, trial.inside(0, PORT), trial.outside(0, port))
        };
        lab.lifetime(super::lab::LONG, set_up, Trial::answer)
    };
    let (well_known, other) = (lifetime(53)?, lifetime(5000)?);
    applies(well_known != other, || "one timer for all destination ports".to_owned())?;
    require(well_known < other, || {
        format!("port 5000 has the shorter timer: {other}, and port 53 {well_known}")
    })?;
    let (last, next) = (lifetime(1023)?, lifetime(1024)?);
    require(next == other, || format!("port 1024 has {next}, port 1023 {last}, port 5000 {other}"))
}
