//! Tokens: what a node gives out with its answers, and asks for before it stores or listens.
//!
//! A token shows that its holder receives what is sent to its address: it is a hash of a secret with
//! that address and port. A NAT that gives the holder another port in between makes it worthless.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use natbed_units::{SimDuration, SimRng, SimTime};
use rand_core::Rng;
use sha2::{Digest, Sha256};

/// How long a secret is used, at least and at most, in seconds.
const SECRET_LIFE_SECONDS: std::ops::Range<u32> = 15 * 60..45 * 60;

/// The secrets of a node, of which each is changed after half an hour or so.
///
/// Tokens of the last secret are taken as well, so that each is good for a quarter of an hour at
/// least.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    secret: [u8; 8],
    last: [u8; 8],
    change: SimTime,
    rng: SimRng,
}

impl Tokens {
    pub(crate) fn new(now: SimTime, mut rng: SimRng) -> Self {
        let (mut secret, mut last) = ([0; 8], [0; 8]);
        rng.fill_bytes(&mut secret);
        rng.fill_bytes(&mut last);
        let change = next_change(now, &mut rng);
        Self { secret, last, change, rng }
    }

    /// Returns the token of an address.
    pub(crate) fn token(&self, address: SocketAddr) -> Bytes {
        token(self.secret, address)
    }

    /// Says whether the token was given out to that address, not too long ago.
    pub(crate) fn is_valid(&self, address: SocketAddr, offered: &[u8]) -> bool {
        [self.secret, self.last].iter().any(|secret| token(*secret, address) == offered)
    }

    pub(crate) fn poll_timeout(&self) -> SimTime {
        self.change
    }

    pub(crate) fn handle_timeout(&mut self, now: SimTime) {
        if self.change <= now {
            self.last = self.secret;
            self.rng.fill_bytes(&mut self.secret);
            self.change = next_change(now, &mut self.rng);
        }
    }
}

fn next_change(now: SimTime, rng: &mut SimRng) -> SimTime {
    now + SimDuration::from_secs(rng.in_range(SECRET_LIFE_SECONDS).into())
}

fn token(secret: [u8; 8], address: SocketAddr) -> Bytes {
    let hash = Sha256::new().chain_update(secret);
    let hash = match address.ip() {
        IpAddr::V4(v4) => hash.chain_update(v4.octets()),
        IpAddr::V6(v6) => hash.chain_update(v6.octets()),
    };
    let hash = hash.chain_update(address.port().to_be_bytes()).finalize();
    Bytes::copy_from_slice(&hash)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use natbed_units::{Seed, SimDuration, SimTime};

    use super::Tokens;

    fn tokens() -> Tokens {
        Tokens::new(SimTime::ZERO, Seed::new(1).rng("dht"))
    }

    #[test]
    fn a_token_is_good_for_its_address_and_port_alone() {
        let tokens = tokens();
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        for of in ["192.0.2.1:4222", "[2001:db8::1]:4222"] {
            let token = tokens.token(address(of));
            assert_eq!(token.len(), 32);
            for other in
                ["192.0.2.1:4222", "192.0.2.1:4223", "192.0.2.2:4222", "[2001:db8::1]:4222"]
            {
                assert_eq!(tokens.is_valid(address(other), &token), of == other, "{other}");
            }
            assert!(!tokens.is_valid(address(of), &token[1..]));
            assert!(!tokens.is_valid(address(of), b""));
        }
    }

    #[test]
    fn a_token_outlives_one_change_of_the_secret_and_not_two() {
        let (mut tokens, address) = (tokens(), "192.0.2.1:4222".parse().unwrap());
        let token = tokens.token(address);
        for changes in 1..=2 {
            let change = tokens.poll_timeout();
            tokens.handle_timeout(change);
            tokens.handle_timeout(change); // twice is harmless
            let life = tokens.poll_timeout().saturating_since(change);
            assert!((SimDuration::from_secs(900)..SimDuration::from_secs(2_700)).contains(&life));
            assert_ne!(tokens.token(address), token);
            assert_eq!(tokens.is_valid(address, &token), changes == 1);
        }
    }
}
