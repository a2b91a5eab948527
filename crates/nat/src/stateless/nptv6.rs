//! Prefix translation that keeps the checksum (RFC 6296 section 3).

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

/// Replaces one prefix by another, and makes up for it in a 16-bit word of the rest.
///
/// Returns `None` for an address that is not in `from`, and for those that have no partner, see
/// [`adjustable_word`]. What is left is a bijection: the inverse is the same with the prefixes
/// changed over.
pub(super) fn translate(from: Ipv6Net, to: Ipv6Net, ip: Ipv6Addr) -> Option<Ipv6Addr> {
    if !from.contains(&ip) {
        return None;
    }
    let length = from.prefix_len();
    let rest = ip.to_bits() & from.hostmask().to_bits();
    let mut words = Ipv6Addr::from_bits(to.network().to_bits() | rest).segments();
    let word = adjustable_word(length, ip)?;
    // Section 3.1: the prefixes as /64, the rest of them zero.
    let adjustment = add(sum(from.network()), !sum(to.network()));
    words[word] = add(words[word], adjustment);
    let translated = words.into();
    // What the way back would refuse must not go out either.
    adjustable_word(length, translated).map(|_| translated)
}

/// Finds the word that the adjustment goes to.
///
/// There is none in subnet 0xffff of a prefix up to /48 (section 3.4 and appendix B); with longer
/// prefixes, none in an interface identifier of all ones, and that of all zeros is to be dropped
/// (sections 3.5 and 3.7).
fn adjustable_word(prefix_length: u8, ip: Ipv6Addr) -> Option<usize> {
    let words = ip.segments();
    let mut candidates = if prefix_length <= 48 { 3..4 } else { 4..8 };
    if prefix_length > 48 && words[4..] == [0; 4] {
        return None;
    }
    candidates.find(|word| words[*word] != 0xffff)
}

/// The one's complement sum of the words of a prefix.
fn sum(prefix: Ipv6Addr) -> u16 {
    prefix.segments().into_iter().fold(0, add)
}

/// One's complement addition, in which zero has one form only.
fn add(a: u16, b: u16) -> u16 {
    // Fits: it is a remainder.
    ((u32::from(a) + u32::from(b)) % 0xffff) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Ipv6Net {
        text.parse().expect("it is a prefix")
    }

    fn ip(text: &str) -> Ipv6Addr {
        text.parse().expect("it is an address")
    }

    /// Translates there and back.
    fn both_ways(internal: &str, external: &str, address: &str) -> Option<Ipv6Addr> {
        let there = translate(net(internal), net(external), ip(address))?;
        assert_eq!(translate(net(external), net(internal), there), Some(ip(address)));
        assert_eq!(
            ip(address).segments().into_iter().fold(0, add),
            there.segments().into_iter().fold(0, add),
            "the checksum stays"
        );
        Some(there)
    }

    #[test]
    fn rfc_6296_section_3_6_the_example_of_a_48() {
        let there = both_ways("fd01:203:405::/48", "2001:db8:1::/48", "fd01:203:405:1::1234");
        assert_eq!(there, Some(ip("2001:db8:1:d550::1234")));
    }

    #[test]
    fn rfc_6296_section_3_4_every_subnet_of_a_48_but_the_last() {
        let mut seen = std::collections::BTreeSet::new();
        for subnet in 0..0xffff_u16 {
            let address = format!("fd01:203:405:{subnet:x}::1");
            let there = both_ways("fd01:203:405::/48", "2001:db8:1::/48", &address);
            assert!(seen.insert(there.expect("it has a partner")));
        }
        assert!(!seen.contains(&ip("2001:db8:1:ffff::1")));
        for (from, to, last) in [
            ("fd01:203:405::/48", "2001:db8:1::/48", "fd01:203:405:ffff::1"),
            ("2001:db8:1::/48", "fd01:203:405::/48", "2001:db8:1:ffff::1"),
        ] {
            assert_eq!(translate(net(from), net(to), ip(last)), None);
        }
    }

    #[test]
    fn rfc_6296_section_3_4_a_shorter_prefix_keeps_the_bits_before_the_subnet() {
        let there = both_ways("fd01:200::/24", "2001:d00::/24", "fd01:2cd:ef01:1::1234");
        // Adjustment: fd01 + 0200 - 2001 - 0d00 = d200.
        assert_eq!(there, Some(ip("2001:dcd:ef01:d201::1234")));
    }

    #[test]
    fn rfc_6296_section_3_5_a_longer_prefix_adjusts_the_first_word_that_is_not_all_ones() {
        let (internal, external) = ("fd01:203:405:1200::/56", "2001:db8:1:3400::/56");
        for (address, there) in [
            ("fd01:203:405:1234:0:0:0:1", "2001:db8:1:3434:b34f:0:0:1"),
            ("fd01:203:405:1234:ffff:0:0:1", "2001:db8:1:3434:ffff:b34f:0:1"),
            ("fd01:203:405:1234:ffff:ffff:0:1", "2001:db8:1:3434:ffff:ffff:b34f:1"),
            ("fd01:203:405:1234:ffff:ffff:ffff:1", "2001:db8:1:3434:ffff:ffff:ffff:b350"),
        ] {
            assert_eq!(both_ways(internal, external, address), Some(ip(there)));
        }
        for none in ["fd01:203:405:1234:ffff:ffff:ffff:ffff", "fd01:203:405:1234::"] {
            assert_eq!(both_ways(internal, external, none), None);
        }
        // The address whose partner would have an identifier of all zeros.
        assert_eq!(both_ways(internal, external, "fd01:203:405:1234:4cb0::"), None);
    }

    #[test]
    fn an_address_outside_the_prefix_has_no_partner() {
        assert_eq!(both_ways("fd01:203:405::/48", "2001:db8:1::/48", "fd01:203:406:1::1"), None);
    }

    #[test]
    fn the_interface_identifier_of_zeros_is_fine_with_a_48() {
        let there = both_ways("fd01:203:405::/48", "2001:db8:1::/48", "fd01:203:405:1::");
        assert_eq!(there, Some(ip("2001:db8:1:d550::")));
    }
}
