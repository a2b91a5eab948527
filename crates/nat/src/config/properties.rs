//! The properties of a NAT that are one of a few words.

/// How external endpoints are reused for packets to different destinations (RFC 4787 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mapping {
    /// EIM: one external endpoint for all destinations.
    EndpointIndependent,
    /// ADM: one external endpoint for each destination address.
    AddressDependent,
    /// APDM: one external endpoint for each destination address and port ("symmetric").
    AddressAndPortDependent,
}

/// Which sources may send to an external endpoint (RFC 4787 section 5).
///
/// The permission lives as long as the flow that gave it. Whether it belongs to the mapping or to
/// the internal endpoint is another property, [`FilterScope`](crate::FilterScope); it shows with
/// ADM and APDM only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Filtering {
    /// EIF: anybody.
    EndpointIndependent,
    /// ADF: addresses that the mapping has a live flow with.
    AddressDependent,
    /// APDF: endpoints that the mapping has a live flow with.
    AddressAndPortDependent,
}

/// How the external port of a new mapping is chosen (RFC 4787 section 4.2).
///
/// A port is chosen within the class of the internal port, see [`PortClasses`]; `Sequential` knows
/// only ports from 1024 on. For ICMP, identifiers stand for ports and are of one class. All but
/// `PreserveWithOverload` give a port to one mapping at a time, and never one that is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortAllocation {
    /// The internal port if no other mapping has it, else a random free one of its class.
    Preserve,
    /// The port of the internal endpoint's newest flow, else the internal port, even if another
    /// host has it, as long as the destinations differ ("port overloading"); when that clashes, a
    /// random port, which the endpoint's later flows then share. Exactly what Linux masquerade
    /// does (`get_unique_tuple` of nf_nat_core.c). Where the filter lets in a stranger at a shared
    /// port, the oldest mapping that would take the packet gets it.
    ///
    /// With ADM or APDM this is the "port-preserving symmetric" NAT: nobody outside can tell it
    /// from EIM until two hosts clash, and then each new destination may get another port.
    PreserveWithOverload,
    /// The internal port; if another mapping has it, the packet is dropped. OpenBSD's
    /// `static-port`.
    Strict,
    /// The next free port after the last one given out.
    Sequential,
    /// A random free port.
    Random,
}

/// Which external ports an internal port may become (RFC 4787 REQ-3a).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortClasses {
    /// 1-1023 and 1024-65535: the classes of RFC 4787.
    Two,
    /// 1-511, 512-1023 and 1024-65535, as Cisco IOS groups them.
    Three,
    /// 1-511, 600-1023 and 1024-65535: `nf_nat_l4proto_unique_tuple` of Linux.
    Linux,
    /// All become 1024-65535: cloud gateways.
    Unprivileged,
}

/// How the external address of an internal host is chosen from several (RFC 4787 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pooling {
    /// All of a host's mappings have the same address, and an IPv6 /64 counts as one host; when that
    /// address is exhausted, new sessions are refused (RFC 7857 section 4).
    Paired,
    /// Each new mapping has a random one.
    Arbitrary,
}

/// What happens to a TCP SYN from outside that nobody inside takes (RFC 5382 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnsolicitedTcp {
    /// What the WAN input, or a firewall's inbound policy, does with any other packet.
    WanInput,
    /// It is dropped silently.
    Drop,
    /// It is answered with an ICMP error at once, which REQ-4 forbids.
    Reject,
    /// It is answered with a TCP reset at once, which REQ-4 forbids.
    Reset,
    /// It is held back for 6 s. If a SYN goes out to its sender in that time, nothing more happens
    /// and a simultaneous open succeeds; else an ICMP port unreachable follows (REQ-4), from an
    /// IPv6 firewall one that says "administratively prohibited" (RFC 6092 REC-34).
    Delay,
}

/// Which fragments a box puts together before it looks at the ports (RFC 4787 section 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fragments {
    /// All, in whatever order they arrive (REQ-14).
    AnyOrder,
    /// Those that arrive in order; others are dropped.
    InOrder,
    /// None; all are dropped.
    Drop,
}

/// What a packet is answered with that would need a new flow when there is no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exhausted {
    /// With nothing.
    Silent,
    /// With ICMP destination unreachable, code 13 (RFC 5508 REQ-8).
    Prohibited,
    /// With ICMP destination unreachable, code 1 (carrier NATs, RFC 6888 REQ-11).
    HostUnreachable,
}

/// What happens to packets from inside to the box's own external address (RFC 4787 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hairpin {
    /// They are dropped.
    None,
    /// They are mapped and filtered as with `ExternalSource`, but delivered with the sender's
    /// internal endpoint as their source.
    InternalSource,
    /// They are delivered with the sender's external endpoint as their source, as REQ-9a asks.
    ExternalSource,
}

/// What the box's own WAN side does with a packet that matches no mapping or no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WanInput {
    /// It is dropped silently.
    Drop,
    /// It is answered with ICMP port unreachable.
    Reject,
    /// The box takes it as its own. For UDP its connection tracking then owns the external port
    /// toward that source for `udp_timeout`, renewed by each such packet, and a packet from inside
    /// to that source needs another port. This is how a Linux router without a WAN firewall breaks
    /// hole punching: measured on Linux 6.18, port 40000 became 47185.
    Accept,
}
