//! What a node does not listen to: impossible addresses, and more requests than it can take.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use natbed_units::{SimDuration, SimTime};

/// Requests that a node takes within a second, from all together.
pub(crate) const REQUESTS_MAX: usize = 8_192;
/// Requests that it takes from one address, whatever the port: users behind one NAT share them.
pub(crate) const REQUESTS_OF_ADDRESS_MAX: usize = 1_024;
/// The time over which they are counted.
const WINDOW: SimDuration = SimDuration::from_secs(1);

/// Says whether no packet can honestly come from the address ("martian").
///
/// Loopback and private addresses are fine: nodes on one LAN use them.
pub(crate) fn is_impossible(address: SocketAddr) -> bool {
    let ip_is_impossible = match address.ip() {
        IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.octets()[0] >= 224,
        IpAddr::V6(v6) => v6.is_multicast() || v6.is_unspecified() || v6.to_ipv4_mapped().is_some(),
    };
    address.port() == 0 || ip_is_impossible
}

/// Counts requests over the last second.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateLimits {
    all: Window,
    by_address: BTreeMap<IpAddr, Window>,
}

impl RateLimits {
    /// Takes note of a request and says whether it is one too many.
    pub(crate) fn is_exceeded(&mut self, now: SimTime, from: IpAddr) -> bool {
        // No more addresses are kept than requests: those without any in the last second go.
        if self.by_address.len() >= REQUESTS_MAX {
            self.by_address.retain(|_, window| !window.is_over(now));
        }
        let window = self.by_address.entry(from).or_default();
        window.is_full(now, REQUESTS_OF_ADDRESS_MAX) || self.all.is_full(now, REQUESTS_MAX)
    }
}

#[cfg(test)]
impl RateLimits {
    /// Says how many addresses it keeps.
    pub(crate) fn len(&self) -> usize {
        self.by_address.len()
    }
}

/// When the last requests came, oldest first.
#[derive(Clone, Debug, Default)]
struct Window(VecDeque<SimTime>);

impl Window {
    /// Takes note of a request if there is room for it, and says whether there was none.
    fn is_full(&mut self, now: SimTime, max: usize) -> bool {
        while self.0.front().is_some_and(|first| *first + WINDOW <= now) {
            self.0.pop_front();
        }
        let is_full = self.0.len() >= max;
        if !is_full {
            self.0.push_back(now);
        }
        is_full
    }

    fn is_over(&self, now: SimTime) -> bool {
        self.0.back().is_none_or(|last| *last + WINDOW <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use natbed_units::SimTime;

    use super::{REQUESTS_MAX, REQUESTS_OF_ADDRESS_MAX, RateLimits, is_impossible};

    fn at(millis: u64) -> SimTime {
        SimTime::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn addresses_that_nobody_has_are_impossible() {
        for address in [
            "0.1.2.3:4222",
            "224.0.0.1:4222",
            "255.255.255.255:4222",
            "192.0.2.1:0",
            "[ff02::1]:4222",
            "[::]:4222",
            "[::ffff:192.0.2.1]:4222",
        ] {
            assert!(is_impossible(address.parse().unwrap()), "{address}");
        }
        for address in
            ["127.0.0.1:1", "10.0.0.1:4222", "192.0.2.1:4222", "[::1]:4222", "[fe80::1]:9"]
        {
            assert!(!is_impossible(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_has_so_many_requests_in_any_second() {
        let (mut limits, one) = (RateLimits::default(), IpAddr::from([192, 0, 2, 1]));
        for n in 0..REQUESTS_OF_ADDRESS_MAX as u64 {
            assert!(!limits.is_exceeded(at(n / 2), one), "{n}");
        }
        assert!(limits.is_exceeded(at(999), one));
        assert!(!limits.is_exceeded(at(999), IpAddr::from([192, 0, 2, 2])), "another one");
        assert!(!limits.is_exceeded(at(1_000), one), "the first two are a second ago");
        assert!(!limits.is_exceeded(at(1_000), one));
        assert!(limits.is_exceeded(at(1_000), one));
    }

    #[test]
    fn all_together_have_so_many_and_nothing_grows_with_addresses() {
        let mut limits = RateLimits::default();
        let address = |n: u32| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + n));
        for n in 0..REQUESTS_MAX as u32 {
            assert!(!limits.is_exceeded(at(0), address(n)));
        }
        assert!(limits.is_exceeded(at(500), address(1 << 20)));
        for second in 1..10 {
            for n in 0..3_000 {
                limits.is_exceeded(at(second * 1_000), address(n * 10 + second as u32));
            }
        }
        assert!(limits.by_address.len() <= REQUESTS_MAX + 1, "{}", limits.by_address.len());
    }
}
