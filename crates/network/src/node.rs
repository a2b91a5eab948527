//! The nodes of a network: what each is and knows.

use std::net::IpAddr;

use ipnet::IpNet;
use natbed_nat::{Firewall, Translator};
use natbed_packet::{DropReason, IcmpErrorKind, Packet};
use natbed_units::{SimDuration, SimTime};
use smallvec::SmallVec;

use crate::address::{Prefix, RouteTable};
use crate::config::Attachment;
use crate::id::{HostId, LanId, LinkId, RouterId};
use crate::path_mtu::PathMtus;
use crate::reassembly::Reassembler;

/// The IP version of an address as an index: 0 for IPv4, 1 for IPv6.
#[inline]
pub(crate) fn version(address: IpAddr) -> usize {
    usize::from(address.is_ipv6())
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) delay: SimDuration,
    pub(crate) routes: RouteTable<LinkId>,
}

#[derive(Debug)]
pub(crate) struct Lan {
    pub(crate) name: Box<str>,
    pub(crate) subnet: IpNet,
    pub(crate) prefix: Prefix,
    pub(crate) second: Option<(IpNet, Prefix)>,
    /// The broadcast address of its IPv4 subnet.
    pub(crate) broadcast: Option<IpAddr>,
    pub(crate) isolate: bool,
    /// For each IP version.
    pub(crate) gateways: [Option<LanGateway>; 2],
    pub(crate) members: RouteTable<LinkId>,
    /// The interfaces of hosts on it, in the order of attachment: who hears what goes to many.
    pub(crate) hosts: Vec<(HostId, LinkId)>,
    /// Subnets routed behind members, which a routed gateway announces further up.
    pub(crate) routed: Vec<IpNet>,
}

/// The gateway of a LAN, and its link there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LanGateway {
    pub(crate) link: LinkId,
    pub(crate) router: RouterId,
}

impl Lan {
    /// Says whether an address is one of the LAN's.
    #[inline]
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.prefix.contains(address)
            || self.second.is_some_and(|(_, prefix)| prefix.contains(address))
    }

    /// Says whether an address is on the LAN or routed behind one of its members.
    pub(crate) fn leads_to(&self, address: IpAddr) -> bool {
        self.contains(address) || self.members.lookup(address).is_some()
    }

    pub(crate) fn subnets(&self) -> impl Iterator<Item = IpNet> + use<> {
        let second = self.second.map(|(subnet, _)| subnet);
        std::iter::once(self.subnet).chain(second)
    }

    /// Says whether a link is that of a gateway.
    pub(crate) fn is_gateway(&self, link: LinkId) -> bool {
        self.gateways.iter().flatten().any(|gateway| gateway.link == link)
    }
}

#[derive(Debug)]
pub(crate) struct Router {
    pub(crate) name: Box<str>,
    /// The first LAN that it serves, its address there,
    pub(crate) lan: LanId,
    pub(crate) inside: IpAddr,
    /// and the others.
    pub(crate) more_insides: Vec<Inside>,
    /// The first gateway in the same box, to which the box's links lead,
    pub(crate) head: RouterId,
    /// and if it is that one, the others.
    pub(crate) beside: Vec<RouterId>,
    /// Its own address outside.
    pub(crate) outside: IpAddr,
    /// Its other addresses outside.
    pub(crate) pool: Box<[IpAddr]>,
    /// The prefix outside that its translator stands for by rule.
    pub(crate) external: Option<IpNet>,
    pub(crate) upstream: Attachment,
    pub(crate) inside_link: LinkId,
    pub(crate) outside_link: LinkId,
    pub(crate) nat: Option<Translator>,
    pub(crate) firewall: Option<Firewall>,
    pub(crate) icmp_errors: bool,
    pub(crate) is_off: bool,
    /// The longest packet from inside that fits the uplink as it is, in bytes.
    pub(crate) outward_mtu: u32,
    /// Whether it makes IPv6 packets of IPv4 ones and the other way.
    pub(crate) changes_version: bool,
    pub(crate) reassembler: Option<Box<Reassembler>>,
    /// The expiry that stands in the schedule.
    pub(crate) armed: Option<SimTime>,
}

/// A LAN behind a gateway, and the gateway's address and link there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inside {
    pub(crate) lan: LanId,
    pub(crate) address: IpAddr,
    pub(crate) link: LinkId,
}

impl Router {
    /// Its LANs, the first one first.
    pub(crate) fn insides(&self) -> impl Iterator<Item = Inside> + '_ {
        let first = Inside { lan: self.lan, address: self.inside, link: self.inside_link };
        std::iter::once(first).chain(self.more_insides.iter().copied())
    }

    /// Says whether an address is one of the gateway's own inside.
    #[inline]
    pub(crate) fn has_inside(&self, address: IpAddr) -> bool {
        address == self.inside || self.more_insides.iter().any(|inside| inside.address == address)
    }

    /// Says whether an address is one of the gateway's own outside.
    #[inline]
    pub(crate) fn has_outside(&self, address: IpAddr) -> bool {
        address == self.outside || self.pool.contains(&address)
    }

    /// Says whether a packet from outside to the address is for the gateway itself and nobody
    /// behind it. With a NAT that is for the NAT to say.
    #[inline]
    pub(crate) fn ends_at(&self, address: IpAddr) -> bool {
        !matches!(self.nat, Some(Translator::Nat(_)))
            && self.has_outside(address)
            && !self.external.is_some_and(|external| external.contains(&address))
    }

    /// The prefix of a NAT64 inside.
    pub(crate) fn nat64(&self) -> Option<IpNet> {
        match &self.nat {
            Some(Translator::Nat(nat)) => nat.config().nat64.map(IpNet::from),
            _ => None,
        }
    }

    /// Says whether fragments must become whole before the gateway can judge or translate them.
    #[inline]
    pub(crate) const fn needs_wholes(&self) -> bool {
        self.nat.is_some() || self.firewall.is_some()
    }

    /// Says whether the gateway may cut a packet, as it is inside or outside.
    pub(crate) fn may_cut(&self, packet: &Packet) -> bool {
        !packet.dont_fragment && (packet.source.is_ipv4() || self.changes_version)
    }

    /// Returns the ICMP error that the gateway answers a drop with, if it answers.
    pub(crate) fn icmp_error(&self, reason: DropReason) -> Option<IcmpErrorKind> {
        match &self.nat {
            _ if !self.icmp_errors => None,
            Some(nat) => nat.icmp_error(reason),
            None => reason.icmp_error(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: Box<str>,
    /// Nearly always one, and looked at for every packet: so it stands in the host itself.
    pub(crate) interfaces: SmallVec<[Interface; 1]>,
    /// How many links it has had.
    pub(crate) links_made: u32,
    pub(crate) firewall: Option<Box<Firewall>>,
    pub(crate) is_stopped: bool,
    /// The multicast groups that it has joined.
    pub(crate) groups: Vec<IpAddr>,
    pub(crate) path_mtus: Option<Box<PathMtus>>,
    pub(crate) reassembler: Option<Box<Reassembler>>,
    /// The expiry that stands in the schedule.
    pub(crate) armed: Option<SimTime>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    pub(crate) address: IpAddr,
    pub(crate) attachment: Attachment,
    pub(crate) link: LinkId,
}
