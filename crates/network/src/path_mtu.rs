//! What a host has learnt of the largest packets that its paths take.

use std::net::IpAddr;

use natbed_units::{SimDuration, SimTime};

/// How long a host believes in a path MTU (RFC 1191 section 6.3, RFC 8201 section 5.3).
const LIFETIME: SimDuration = SimDuration::from_secs(600);

/// The most destinations that a host remembers; the oldest is forgotten first.
const DESTINATIONS_MAX: usize = 256;

/// The path MTUs of one host, by destination, oldest first.
#[derive(Debug, Default)]
pub(crate) struct PathMtus(Vec<(IpAddr, u32, SimTime)>);

impl PathMtus {
    /// Takes note of an ICMP error about a packet to `destination`.
    ///
    /// A smaller value is not believed than every link must take: 68 bytes (RFC 791), 1280 for
    /// IPv6 (RFC 8200 section 5).
    pub(crate) fn learn(&mut self, now: SimTime, destination: IpAddr, mtu: u16) {
        let least = if destination.is_ipv4() { 68 } else { 1280 };
        self.0.retain(|(known, _, expires)| *known != destination && *expires > now);
        if self.0.len() == DESTINATIONS_MAX {
            self.0.remove(0);
        }
        self.0.push((destination, u32::from(mtu).max(least), now + LIFETIME));
    }

    /// Returns the path MTU to `destination` in bytes, if one was learnt in the last ten minutes.
    pub(crate) fn to(&self, now: SimTime, destination: IpAddr) -> Option<u32> {
        let known = self.0.iter().find(|(known, ..)| *known == destination);
        known.filter(|(.., expires)| *expires > now).map(|(_, mtu, _)| *mtu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_mtu_is_forgotten_after_ten_minutes() {
        let (mut mtus, to) = (PathMtus::default(), IpAddr::from([203, 0, 113, 1]));
        mtus.learn(SimTime::ZERO, to, 1400);
        let end = SimTime::ZERO + LIFETIME;
        assert_eq!(mtus.to(SimTime::from_nanos(end.as_nanos() - 1), to), Some(1400));
        assert_eq!(mtus.to(end, to), None);
        assert_eq!(mtus.to(SimTime::ZERO, [203, 0, 113, 2].into()), None);
    }

    #[test]
    fn a_path_mtu_below_the_least_of_its_ip_version_is_not_believed() {
        let mut mtus = PathMtus::default();
        let (v4, v6) =
            (IpAddr::from([203, 0, 113, 1]), IpAddr::from([0x2001_u16, 0, 0, 0, 0, 0, 0, 1]));
        mtus.learn(SimTime::ZERO, v4, 0);
        mtus.learn(SimTime::ZERO, v6, 600);
        assert_eq!(
            (mtus.to(SimTime::ZERO, v4), mtus.to(SimTime::ZERO, v6)),
            (Some(68), Some(1280))
        );
    }

    #[test]
    fn the_oldest_of_too_many_destinations_is_forgotten() {
        let mut mtus = PathMtus::default();
        for n in 0..=DESTINATIONS_MAX as u32 {
            mtus.learn(SimTime::ZERO, std::net::Ipv4Addr::from_bits(n).into(), 1400);
        }
        assert_eq!(mtus.to(SimTime::ZERO, [0, 0, 0, 0].into()), None);
        assert_eq!(mtus.to(SimTime::ZERO, [0, 0, 1, 0].into()), Some(1400));
        assert_eq!(mtus.to(SimTime::ZERO, [0, 0, 0, 1].into()), Some(1400));
    }
}
