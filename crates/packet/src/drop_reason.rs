//! Why a packet was lost: one typed reason for every drop in natbed.

use std::fmt;

use crate::IcmpErrorKind;

macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $source:expr;)+) => {
        /// Why a packet was dropped (law 5 of the design: every lost packet has a reason).
        ///
        /// Prints as a short code in kebab case, the key under which outcomes count it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum DropReason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl DropReason {
            /// Every reason, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the short code, as outcomes and captures print it.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// Returns the RFC section that asks for the drop or names it, where there is one.
            #[must_use]
            pub const fn rfc(self) -> Option<&'static str> {
                match self { $(Self::$variant => $source,)+ }
            }
        }
    };
}

drop_reasons! {
    /// A packet came in to an external endpoint that no mapping owns, and the box drops such packets.
    NoMapping = "nat-no-mapping", Some("RFC 4787 section 5");
    /// There is a mapping, but its filter has not been opened toward this source.
    Filtered = "nat-filtered", Some("RFC 4787 section 5");
    /// No mapping owns the external endpoint, and the box answers with an ICMP error.
    WanInputRejected = "nat-wan-input-rejected", Some("RFC 1122 section 3.2.2.1");
    /// The box itself took the packet, and no program of its own listens at that port.
    WanInputClosed = "nat-wan-input-closed", Some("RFC 1122 section 4.1.3.1");
    /// A packet from inside went to the box's own external address, and the box does not hairpin.
    NoHairpin = "nat-no-hairpin", Some("RFC 4787 section 6");
    /// No external port was left for a new mapping.
    PortsExhausted = "nat-ports-exhausted", Some("RFC 5508 section 6");
    /// The mapping table was full.
    TableFull = "nat-table-full", Some("RFC 5508 section 6");
    /// The NAT gives every flow its internal port, and another mapping has it.
    PortClash = "nat-port-clash", None;
    /// The subscriber has as many ports or flows as it may.
    SubscriberLimit = "nat-subscriber-limit", Some("RFC 6888 REQ-4");
    /// A SYN from outside that nobody takes; the box stays silent for 6 s.
    SynHeld = "nat-syn-held", Some("RFC 5382 REQ-4");
    /// A SYN from outside that nobody takes; the box answers with a reset.
    TcpReset = "nat-tcp-reset", Some("RFC 9293 section 3.10.7.1");
    /// The NAT does not translate this IP version or message.
    NotTranslatable = "nat-not-translatable", None;
    /// An ICMP error that quotes a packet of no known flow.
    IcmpErrorUnknownFlow = "nat-icmp-error-unknown-flow", Some("RFC 5508 section 4");
    /// A firewall rule drops new flows that leave.
    FirewallOutbound = "firewall-outbound", None;
    /// A firewall rule drops new flows that come in.
    FirewallInbound = "firewall-inbound", None;
    /// A firewall rule refuses the flow with an ICMP error.
    FirewallRejected = "firewall-rejected", Some("RFC 1812 section 5.2.7.1");
    /// The firewall's state table was full.
    FirewallTableFull = "firewall-table-full", None;
    /// More UDP packets than the firewall lets pass in the time.
    FirewallRateLimited = "firewall-rate-limited", None;
    /// The firewall has cut the flow because of its age.
    FirewallFlowCut = "firewall-flow-cut", None;
    /// The host has not logged in at the captive portal.
    CaptivePortal = "firewall-captive-portal", None;
    /// The packet is longer than the next link takes and may not be split.
    TooBig = "too-big", Some("RFC 4787 REQ-13");
    /// The packet is longer than the next link takes, and the node that lost it says nothing.
    MtuBlackHole = "mtu-black-hole", Some("RFC 2923 section 2.1");
    /// The box drops fragments, or those that do not come in order.
    FragmentRefused = "fragment-refused", Some("RFC 4787 REQ-14");
    /// The other fragments of the packet did not come in time.
    FragmentTimeout = "fragment-timeout", Some("RFC 791 section 3.2");
    /// The node has this part of the packet already.
    DuplicateFragment = "duplicate-fragment", Some("RFC 5722 section 4");
    /// More fragments than the node keeps.
    TooManyFragments = "too-many-fragments", None;
    /// A packet to a group or to all that may not leave its LAN, or was about to.
    MulticastScope = "multicast-scope", Some("RFC 1112 section 6.1");
    /// Nobody on the LAN listens to the group.
    NoListener = "no-listener", Some("RFC 1112 section 6.1");
    /// The router is off.
    RouterOff = "router-off", None;
    /// The queue in front of a link was full.
    QueueFull = "queue-full", None;
    /// Active queue management (CoDel, RED) dropped it before the queue in front of a link was full.
    QueueManaged = "queue-managed", Some("RFC 7567 section 2");
    /// The wire lost it, by the link's rules of loss.
    LostOnTheWire = "lost-on-the-wire", None;
    /// The link is down.
    LinkDown = "link-down", None;
    /// No route leads to the destination.
    NoRoute = "no-route", Some("RFC 1812 section 5.2.7.1");
    /// The destination's subnet is here, but nobody on it has the address.
    NoSuchAddress = "no-such-address", Some("RFC 1812 section 5.2.7.1");
    /// The LAN keeps its clients from seeing each other.
    ClientIsolation = "client-isolation", None;
    /// The hop count ran out.
    TtlExceeded = "ttl-exceeded", Some("RFC 1812 section 5.3.1");
    /// The sender does not own the source address.
    ForeignSource = "foreign-source", Some("RFC 2827");
    /// Source and destination are not of one IP version, or the destination is nobody, or many
    /// where there is no LAN.
    Malformed = "malformed", None;
    /// The packet is addressed to a router, which takes none of this kind.
    RouterClosed = "router-closed", Some("RFC 1122 section 4.1.3.1");
    /// Bits of it had changed on the way: the checksum was wrong.
    ChecksumFailed = "checksum-failed", Some("RFC 1122 section 4.1.3.4");
    /// No socket is bound to the destination port of the host.
    PortClosed = "port-closed", Some("RFC 1122 section 4.1.3.1");
    /// The receiving socket's buffer was full.
    SocketBufferFull = "socket-buffer-full", None;
    /// As many TCP connections as the listening socket allows wait to be accepted.
    ListenBacklogFull = "listen-backlog-full", None;
    /// The host takes no packets of this kind (TCP, or ICMP without a taker).
    NoTaker = "no-taker", None;
    /// More packets were in flight than the run allows.
    TooManyInFlight = "too-many-in-flight", None;
    /// The server at this address was stopped by an event of the scenario.
    ServerStopped = "server-stopped", None;
}

impl DropReason {
    /// Returns the ICMP error that a real node sends back for this drop, if it sends one.
    #[must_use]
    pub const fn icmp_error(self) -> Option<IcmpErrorKind> {
        match self {
            Self::WanInputRejected
            | Self::WanInputClosed
            | Self::RouterClosed
            | Self::PortClosed => Some(IcmpErrorKind::PortUnreachable),
            Self::NoRoute => Some(IcmpErrorKind::NetUnreachable),
            Self::NoSuchAddress => Some(IcmpErrorKind::HostUnreachable),
            Self::TtlExceeded => Some(IcmpErrorKind::TtlExceeded),
            // RFC 5508 REQ-8: out of resources is code 13.
            Self::FirewallRejected
            | Self::PortsExhausted
            | Self::TableFull
            | Self::SubscriberLimit => Some(IcmpErrorKind::AdminProhibited),
            _ => None,
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique() {
        let codes: BTreeSet<_> = DropReason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), DropReason::ALL.len());
    }

    #[test]
    fn codes_are_kebab_case() {
        for reason in DropReason::ALL {
            let code = reason.to_string();
            let words_are_lower_case = code
                .split('-')
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
            assert!(words_are_lower_case, "{code}");
        }
    }

    #[test]
    fn req_5508_8_out_of_resources_is_administratively_prohibited() {
        for reason in [DropReason::PortsExhausted, DropReason::TableFull] {
            assert_eq!(reason.icmp_error(), Some(IcmpErrorKind::AdminProhibited), "{reason}");
        }
    }

    #[test]
    fn what_is_silent_on_real_boxes_has_no_icmp_error() {
        for reason in [DropReason::NoMapping, DropReason::Filtered, DropReason::QueueFull] {
            assert_eq!(reason.icmp_error(), None, "{reason}");
        }
    }
}
