//! Between IPv4 and IPv6: addresses inside a /96 prefix (RFC 6052) and ICMP errors (RFC 7915).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;
use natbed_packet::IcmpErrorKind;

/// How much longer an IPv6 header is than an IPv4 one, in bytes.
const HEADER_DIFFERENCE: u16 = 20;

/// The MTU that every IPv6 link has, in bytes (RFC 8200 section 5).
const IPV6_MIN_MTU: u16 = 1280;

/// Says whether IPv4 addresses can be put into the prefix: a /96 whose bits 64 to 71 are zero
/// (RFC 6052 section 2.2).
pub(crate) const fn is_prefix(prefix: Ipv6Net) -> bool {
    prefix.prefix_len() == 96 && prefix.addr().octets()[8] == 0
}

/// Puts an IPv4 address into the prefix; an IPv6 address stays what it is.
pub(crate) fn embed(prefix: Ipv6Net, ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let bits = prefix.network().to_bits() | u128::from(ip.to_bits());
            Ipv6Addr::from_bits(bits).into()
        }
        IpAddr::V6(_) => ip,
    }
}

/// Takes the IPv4 address out of one in the prefix.
pub(crate) fn extract(prefix: Ipv6Net, ip: IpAddr) -> Option<IpAddr> {
    match ip {
        // The IPv4 address is the last 32 bits.
        IpAddr::V6(ip) if prefix.contains(&ip) => {
            Some(Ipv4Addr::from_bits(ip.to_bits() as u32).into())
        }
        _ => None,
    }
}

/// What an IPv4 error says in IPv6 (RFC 7915 section 4.2).
pub(crate) fn error_to_v6(kind: IcmpErrorKind) -> IcmpErrorKind {
    match kind {
        IcmpErrorKind::HostUnreachable => IcmpErrorKind::NetUnreachable,
        IcmpErrorKind::TooBig { mtu } => {
            IcmpErrorKind::TooBig { mtu: mtu.saturating_add(HEADER_DIFFERENCE).max(IPV6_MIN_MTU) }
        }
        other => other,
    }
}

/// What an IPv6 error says in IPv4 (RFC 7915 section 5.2).
pub(crate) fn error_to_v4(kind: IcmpErrorKind) -> IcmpErrorKind {
    match kind {
        IcmpErrorKind::NetUnreachable => IcmpErrorKind::HostUnreachable,
        IcmpErrorKind::TooBig { mtu } => {
            IcmpErrorKind::TooBig { mtu: mtu.saturating_sub(HEADER_DIFFERENCE) }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Ipv6Net {
        text.parse().expect("it is a prefix")
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("it is an address")
    }

    #[test]
    fn rfc_6052_section_2_4_text_representation_of_a_96() {
        for (prefix_text, in_it) in [
            ("2001:db8:122:344::/96", "2001:db8:122:344::c000:221"),
            ("64:ff9b::/96", "64:ff9b::c000:221"),
        ] {
            let prefix = prefix(prefix_text);
            assert_eq!(embed(prefix, ip("192.0.2.33")), ip(in_it));
            assert_eq!(extract(prefix, ip(in_it)), Some(ip("192.0.2.33")));
        }
        assert_eq!(extract(prefix("64:ff9b::/96"), ip("64:ff9b::1:c000:221")), None);
        assert_eq!(extract(prefix("64:ff9b::/96"), ip("192.0.2.33")), None);
        assert_eq!(embed(prefix("64:ff9b::/96"), ip("2001:db8::1")), ip("2001:db8::1"));
    }

    #[test]
    fn rfc_6052_section_2_2_a_prefix_leaves_bits_64_to_71_alone() {
        assert!(is_prefix(prefix("64:ff9b::/96")));
        assert!(is_prefix(prefix("2001:db8:1:2:ff:3:4:0/96")));
        assert!(!is_prefix(prefix("2001:db8:1:2:100:3:4:0/96")));
        assert!(!is_prefix(prefix("64:ff9b::/95")));
    }

    #[test]
    fn rfc_7915_errors_say_the_same_in_the_other_version() {
        use IcmpErrorKind::{
            AdminProhibited, HostUnreachable, NetUnreachable, PortUnreachable, TooBig, TtlExceeded,
        };
        for (v4, v6) in [
            (NetUnreachable, NetUnreachable),
            (HostUnreachable, NetUnreachable),
            (PortUnreachable, PortUnreachable),
            (AdminProhibited, AdminProhibited),
            (TtlExceeded, TtlExceeded),
            (TooBig { mtu: 1480 }, TooBig { mtu: 1500 }),
            (TooBig { mtu: 1261 }, TooBig { mtu: 1281 }),
            (TooBig { mtu: 576 }, TooBig { mtu: 1280 }),
            (TooBig { mtu: 65_530 }, TooBig { mtu: 65_535 }),
        ] {
            assert_eq!(error_to_v6(v4), v6);
        }
        for (v6, v4) in [
            (NetUnreachable, HostUnreachable),
            (HostUnreachable, HostUnreachable),
            (PortUnreachable, PortUnreachable),
            (AdminProhibited, AdminProhibited),
            (TtlExceeded, TtlExceeded),
            (TooBig { mtu: 1500 }, TooBig { mtu: 1480 }),
            (TooBig { mtu: 19 }, TooBig { mtu: 0 }),
        ] {
            assert_eq!(error_to_v4(v6), v4);
        }
    }
}
