//! What a candidate tells of whoever hands it over.

use std::net::IpAddr;

/// Returns the addresses in a candidate, the value of a `candidate` attribute (RFC 8839 section
/// 5.1): its own, and the one that it is related to, if it says so.
///
/// A candidate that is hidden behind a name (mDNS) has none.
pub(super) fn addresses(candidate: &str) -> impl Iterator<Item = IpAddr> {
    let words = || candidate.split_ascii_whitespace();
    let own = words().nth(4);
    let related = words().skip(6).skip_while(|word| *word != "raddr").nth(1);
    let addresses = [own, related].into_iter().flatten().filter_map(|word| word.parse().ok());
    addresses.filter(|address: &IpAddr| !address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::addresses;

    fn of(candidate: &str) -> Vec<String> {
        addresses(candidate).map(|address: IpAddr| address.to_string()).collect()
    }

    #[test]
    fn a_candidate_tells_its_own_address_and_the_related_one() {
        let host = "842163049 1 udp 2130706431 192.168.1.10 5660 typ host";
        assert_eq!(of(host), ["192.168.1.10"]);
        let reflexive = "1 1 udp 1694498815 203.0.113.7 61000 typ srflx raddr 192.168.1.10 rport 5";
        assert_eq!(of(reflexive), ["203.0.113.7", "192.168.1.10"]);
        let hidden = "1 1 udp 1694498815 203.0.113.7 61000 typ srflx raddr 0.0.0.0 rport 0";
        assert_eq!(of(hidden), ["203.0.113.7"]);
        assert_eq!(of("1 1 udp 1 6a1c.local 61000 typ host"), [""; 0]);
        assert_eq!(of(""), [""; 0]);
    }
}
