//! Boxes that do what no configuration can make a box do.

use std::collections::VecDeque;
use std::net::IpAddr;

use natbed::conformance::{Addresses, Middlebox, Setting, Subject};
use natbed_nat::{Behaviour, Side};
use natbed_packet::{Body, Icmp, Packet, Protocol, Quoted, TcpFlags};
use natbed_units::SimDuration;

/// What a fault does with a packet on its way into the box.
pub(crate) enum Entry {
    /// Nothing.
    Pass(Packet),
    /// The box never gets it.
    Drop,
    /// The box forgets all its state, and then gets it.
    Forget(Packet),
    /// It reaches a host as it is, and never the box.
    Bypass(Side, Packet),
    /// The box gets another packet from inside before it, and what comes of that is lost.
    After(Packet, Packet),
}

/// A fault of a box.
pub(crate) trait Fault {
    /// A packet is about to enter the box from a side.
    fn enters(&mut self, _side: Side, packet: Packet) -> Entry {
        Entry::Pass(packet)
    }

    /// A packet has come out of the box on a side.
    fn leaves(&mut self, _side: Side, packet: Packet) -> Packet {
        packet
    }
}

/// A subject whose boxes have a fault each.
pub(crate) fn faulty<F: Fault + 'static>(
    behaviour: Behaviour,
    fault: impl Fn() -> F,
) -> impl Subject {
    move |seed, setting| {
        let inner = behaviour.build(seed, setting)?;
        let faulty: Box<dyn Middlebox> = Box::new(Faulty {
            inner,
            fault: fault(),
            fresh: (behaviour.clone(), seed, setting),
            received: VecDeque::new(),
        });
        Ok(faulty)
    }
}

struct Faulty<F> {
    inner: Box<dyn Middlebox>,
    fault: F,
    fresh: (Behaviour, u64, Setting),
    received: VecDeque<(Side, Packet)>,
}

impl<F> Faulty<F> {
    fn drain(&mut self) -> Vec<(Side, Packet)> {
        std::iter::from_fn(|| self.inner.receive()).collect()
    }
}

impl<F: Fault> Middlebox for Faulty<F> {
    fn send(&mut self, side: Side, packet: Packet) {
        match self.fault.enters(side, packet) {
            Entry::Pass(packet) => self.inner.send(side, packet),
            Entry::Drop => {}
            Entry::Forget(packet) => {
                let (behaviour, seed, setting) = &self.fresh;
                self.inner = behaviour.build(*seed, *setting).expect("it was built once");
                self.inner.send(side, packet);
            }
            Entry::Bypass(side, packet) => self.received.push_back((side, packet)),
            Entry::After(before, packet) => {
                let waiting = self.drain();
                self.received.extend(waiting);
                self.inner.send(Side::Inside, before);
                self.drain();
                self.inner.send(side, packet);
            }
        }
    }

    fn receive(&mut self) -> Option<(Side, Packet)> {
        self.received.pop_front().or_else(|| {
            let (side, packet) = self.inner.receive()?;
            Some((side, self.fault.leaves(side, packet)))
        })
    }

    fn wait(&mut self, span: SimDuration) {
        self.inner.wait(span);
    }

    fn addresses(&self) -> Addresses {
        self.inner.addresses()
    }
}

/// A fault that consists of what happens to packets before the box.
pub(crate) struct Before<F>(pub(crate) F);

impl<F: FnMut(Side, Packet) -> Entry> Fault for Before<F> {
    fn enters(&mut self, side: Side, packet: Packet) -> Entry {
        self.0(side, packet)
    }
}

/// A fault that consists of what happens to packets behind the box.
pub(crate) struct Behind<F>(pub(crate) F);

impl<F: FnMut(Side, Packet) -> Packet> Fault for Behind<F> {
    fn leaves(&mut self, side: Side, packet: Packet) -> Packet {
        self.0(side, packet)
    }
}

/// A box that gets what `fate` makes of each packet.
pub(crate) fn before<F: FnMut(Side, Packet) -> Entry + 'static>(
    behaviour: Behaviour,
    fate: impl Fn() -> F,
) -> impl Subject {
    faulty(behaviour, move || Before(fate()))
}

/// A box whose packets are changed by `change` when they come out.
pub(crate) fn behind(behaviour: Behaviour, change: fn(Side, Packet) -> Packet) -> impl Subject {
    faulty(behaviour, move || Behind(change))
}

/// A box that never gets the packets that `is_lost` names.
pub(crate) fn losing(behaviour: Behaviour, is_lost: fn(Side, &Packet) -> bool) -> impl Subject {
    before(behaviour, move || {
        move |side, packet: Packet| {
            if is_lost(side, &packet) { Entry::Drop } else { Entry::Pass(packet) }
        }
    })
}

/// A box that takes the first segment with a flag for the end of both directions.
pub(crate) fn deaf_after(behaviour: Behaviour, flag: TcpFlags) -> impl Subject {
    before(behaviour, move || {
        let mut is_over = false;
        move |_, packet: Packet| {
            if is_over && packet.protocol() == Protocol::Tcp {
                return Entry::Drop;
            }
            is_over |= has(&packet, flag);
            Entry::Pass(packet)
        }
    })
}

/// A box that forgets everything when it sees an ICMP error.
pub(crate) fn forgetting(behaviour: Behaviour) -> impl Subject {
    before(behaviour, || {
        |_, packet: Packet| {
            if error(&packet).is_some() { Entry::Forget(packet) } else { Entry::Pass(packet) }
        }
    })
}

/// A box in which a packet that `is_it` names renews the flow that was used last.
pub(crate) fn renewing(behaviour: Behaviour, is_it: fn(Side, &Packet) -> bool) -> impl Subject {
    before(behaviour, move || {
        let mut last = None;
        move |side, packet: Packet| {
            if is_it(side, &packet) {
                return match last.clone() {
                    Some(last) => Entry::After(last, packet),
                    None => Entry::Pass(packet),
                };
            }
            if side == Side::Inside && error(&packet).is_none() {
                last = Some(packet.clone());
            }
            Entry::Pass(packet)
        }
    })
}

/// A box that lets packets that `is_it` names through to the other side as they are.
pub(crate) fn passing(behaviour: Behaviour, is_it: fn(Side, &Packet) -> bool) -> impl Subject {
    before(behaviour, move || {
        move |side, packet: Packet| match side {
            _ if !is_it(side, &packet) => Entry::Pass(packet),
            Side::Inside => Entry::Bypass(Side::Outside, packet),
            Side::Outside => Entry::Bypass(Side::Inside, packet),
        }
    })
}

/// What an ICMP error quotes; `None` for other packets.
pub(crate) fn error(packet: &Packet) -> Option<Quoted> {
    match &packet.body {
        Body::Icmp(Icmp::Error { quoted, .. }) => Some(**quoted),
        _ => None,
    }
}

/// Changes what an ICMP error quotes.
pub(crate) fn requote(mut packet: Packet, change: impl Fn(&mut Quoted)) -> Packet {
    if let Body::Icmp(Icmp::Error { quoted, .. }) = &mut packet.body {
        change(quoted);
    }
    packet
}

/// The flags of a TCP segment; `None` for other packets.
pub(crate) fn flags(packet: &Packet) -> Option<TcpFlags> {
    match &packet.body {
        Body::Tcp(tcp) => Some(tcp.flags),
        _ => None,
    }
}

pub(crate) fn has(packet: &Packet, flag: TcpFlags) -> bool {
    flags(packet).is_some_and(|flags| flags.contains(flag))
}

pub(crate) fn is_ping(packet: &Packet) -> bool {
    matches!(packet.body, Body::Icmp(Icmp::EchoRequest { .. } | Icmp::EchoReply { .. }))
}

/// Rewrites addresses in payloads: an application level gateway.
pub(crate) fn meddle(side: Side, mut packet: Packet) -> Packet {
    let payload = match &mut packet.body {
        Body::Udp(udp) => &mut udp.payload,
        Body::Tcp(tcp) => &mut tcp.payload,
        _ => return packet,
    };
    let text = String::from_utf8_lossy(payload).into_owned();
    if side == Side::Outside && text.contains("192.168.1.") {
        *payload = text.replace("192.168.1.", "198.18.0.").into();
    }
    packet
}

/// A box that takes away payloads that it knows.
pub(crate) fn gateway_for_applications(behaviour: Behaviour) -> impl Subject {
    behind(behaviour, meddle)
}

/// Says whether a packet is UDP, and no error.
pub(crate) fn is_udp(packet: &Packet) -> bool {
    packet.protocol() == Protocol::Udp && error(packet).is_none()
}

/// Says whether a packet is from the port outside that no host inside sends to.
pub(crate) fn is_of_stranger(side: Side, packet: &Packet) -> bool {
    side == Side::Outside && packet.source_endpoint().is_some_and(|from| from.port == 5000)
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("it is written in a test")
}
