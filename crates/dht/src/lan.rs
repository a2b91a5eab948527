//! Finding nodes on the same LAN by multicast, with no Internet at all.
//!
//! At its start a node asks the group who is there, and says that it is; whoever is asked says so to
//! the one that asked. What is sent to the group stays on the LAN: its hop count is 1.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use natbed_units::{SimDuration, SimTime};

use crate::announcement::Announcement;
use crate::id::Id;
use crate::message::Contact;

/// The group of IPv4.
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 192, 0, 1);
/// The group of IPv6: all of the site that listen.
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff08, 0, 0, 0, 0, 0, 0, 0x101);
/// The first wait until it asks again after its network has changed, doubled each time,
const FIRST_WAIT: SimDuration = SimDuration::from_secs(10);
/// as long as it is no longer than this.
const WAIT_MAX: SimDuration = SimDuration::from_secs(40);

/// What a node does on its LAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LanConfig {
    /// The node's identifier.
    pub id: Id,
    /// The port that it serves the DHT at.
    pub port: u16,
    /// Number of its network; nodes of others are not told of.
    pub network: u32,
    /// Whether it says that it is there.
    pub publishes: bool,
    /// Whether it wants to know who is.
    pub discovers: bool,
    /// Whether it asks again after its network has changed, as OpenDHT 4.x does: at once and after
    /// 10, 30 and 70 s. OpenDHT 2.4 asks once only.
    pub repeats: bool,
}

/// The multicast discovery of one node: OpenDHT's `PeerDiscovery`.
///
/// Its datagrams go from and to [`Announcement::PORT`], where the host must be in both
/// [groups](LanDiscovery::groups).
#[derive(Clone, Debug)]
pub struct LanDiscovery {
    config: LanConfig,
    /// When it asks again, and how long it waits then.
    again: Option<(SimTime, SimDuration)>,
    out: VecDeque<(SocketAddr, Bytes)>,
    found: VecDeque<Contact>,
}

impl LanDiscovery {
    /// Begins: asks and says what is to be asked and said.
    #[must_use]
    pub fn new(config: LanConfig) -> Self {
        let mut discovery =
            Self { config, again: None, out: VecDeque::new(), found: VecDeque::new() };
        discovery.speak();
        discovery
    }

    /// Returns the groups to listen to: that of IPv4 and that of IPv6.
    #[must_use]
    pub const fn groups() -> [IpAddr; 2] {
        [IpAddr::V4(GROUP_V4), IpAddr::V6(GROUP_V6)]
    }

    /// Takes a datagram that came to the port of the discovery.
    pub fn handle_datagram(&mut self, from: SocketAddr, datagram: &Bytes) {
        match Announcement::decode(datagram) {
            Ok(Announcement::Query) if self.config.publishes => {
                self.out.push_back((from, self.publication().encode()));
            }
            Ok(Announcement::Node { id, port, network })
                if self.config.discovers
                    && network == self.config.network
                    && id != self.config.id
                    && port != 0 =>
            {
                self.found.push_back(Contact { id, address: SocketAddr::new(from.ip(), port) });
            }
            // Other networks, other services, and what is no announcement.
            Ok(_) | Err(_) => {}
        }
    }

    /// Asks and says everything again: the host has another address, or its link is back.
    pub fn connectivity_changed(&mut self, now: SimTime) {
        if self.config.repeats {
            self.speak();
            self.again = Some((now + FIRST_WAIT, FIRST_WAIT));
        }
    }

    /// Does what has become due; being called early or twice is harmless.
    pub fn handle_timeout(&mut self, now: SimTime) {
        let Some((at, waited)) = self.again.filter(|(at, _)| *at <= now) else { return };
        self.speak();
        let wait = waited * 2;
        self.again = (wait <= WAIT_MAX).then_some((at + wait, wait));
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        self.again.map(|(at, _)| at)
    }

    /// Returns the next datagram to send, and where; to a group with a hop count of 1.
    #[must_use = "a datagram that is not sent is lost without a reason"]
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.out.pop_front()
    }

    /// Returns a node that has said that it is there; give it to
    /// [`Node::insert`](crate::Node::insert).
    pub fn poll_found(&mut self) -> Option<Contact> {
        self.found.pop_front()
    }

    fn speak(&mut self) {
        let (query, publication) = (Announcement::Query.encode(), self.publication().encode());
        for group in Self::groups() {
            let group = SocketAddr::new(group, Announcement::PORT);
            if self.config.discovers {
                self.out.push_back((group, query.clone()));
            }
            if self.config.publishes {
                self.out.push_back((group, publication.clone()));
            }
        }
    }

    fn publication(&self) -> Announcement {
        let LanConfig { id, port, network, .. } = self.config;
        Announcement::Node { id, port, network }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use bytes::Bytes;
    use natbed_units::{SimDuration, SimTime};

    use super::{LanConfig, LanDiscovery};
    use crate::announcement::Announcement;
    use crate::id::Id;
    use crate::message::Contact;

    fn config(n: u8) -> LanConfig {
        LanConfig {
            id: Id::new([n; 20]),
            port: 4222,
            network: 7,
            publishes: true,
            discovers: true,
            repeats: true,
        }
    }

    fn sent(discovery: &mut LanDiscovery) -> Vec<(SocketAddr, Bytes)> {
        std::iter::from_fn(|| discovery.poll_transmit()).collect()
    }

    fn from() -> SocketAddr {
        "192.168.1.2:8888".parse().unwrap()
    }

    #[test]
    fn it_begins_with_a_question_and_its_own_answer_to_both_groups() {
        let sent = sent(&mut LanDiscovery::new(config(1)));
        let to: Vec<_> = sent.iter().map(|(to, _)| to.to_string()).collect();
        let [v4, v6] = ["239.192.0.1:8888", "[ff08::101]:8888"];
        assert_eq!(to, [v4, v4, v6, v6]);
        let said: Vec<_> =
            sent.iter().map(|(_, said)| Announcement::decode(said).unwrap()).collect();
        let own = Announcement::Node { id: Id::new([1; 20]), port: 4222, network: 7 };
        assert_eq!(said, [Announcement::Query, own.clone(), Announcement::Query, own]);
    }

    #[test]
    fn who_is_asked_answers_and_who_is_told_knows() {
        let [mut alice, mut bob] = [1, 2].map(|n| LanDiscovery::new(config(n)));
        let _ = (sent(&mut alice), sent(&mut bob));
        alice.handle_datagram(from(), &Announcement::Query.encode());
        let [(to, answer)] = &sent(&mut alice)[..] else { panic!("one answer") };
        assert_eq!(*to, from(), "to the one who asked, not to all");
        bob.handle_datagram(from(), answer);
        let address = "192.168.1.2:4222".parse().unwrap();
        assert_eq!(bob.poll_found(), Some(Contact { id: Id::new([1; 20]), address }));
        alice.handle_datagram(from(), answer);
        assert_eq!(alice.poll_found(), None, "that is itself");
    }

    #[test]
    fn other_networks_and_nonsense_are_not_told_of() {
        let mut discovery = LanDiscovery::new(LanConfig { publishes: false, ..config(1) });
        let _ = sent(&mut discovery);
        let other = Announcement::Node { id: Id::MAX, port: 4222, network: 8 }.encode();
        let nowhere = Announcement::Node { id: Id::MAX, port: 0, network: 7 }.encode();
        let jami = Bytes::from_static(b"\x81\xa4jami\xc0");
        for datagram in
            [other, nowhere, jami, Bytes::from_static(b"?"), Announcement::Query.encode()]
        {
            discovery.handle_datagram(from(), &datagram);
        }
        assert_eq!((discovery.poll_found(), sent(&mut discovery)), (None, vec![]));
    }

    #[test]
    fn after_a_change_it_asks_again_after_10_30_and_70_seconds() {
        let mut discovery = LanDiscovery::new(config(1));
        let _ = sent(&mut discovery);
        assert_eq!(discovery.poll_timeout(), None);
        discovery.connectivity_changed(SimTime::ZERO);
        let mut times = Vec::new();
        while let Some(at) = discovery.poll_timeout() {
            assert_eq!(sent(&mut discovery).len(), 4);
            discovery.handle_timeout(SimTime::ZERO);
            assert_eq!(sent(&mut discovery).len(), 0, "too early");
            discovery.handle_timeout(at);
            times.push(at.saturating_since(SimTime::ZERO));
        }
        assert_eq!(times, [10, 30, 70].map(SimDuration::from_secs));
        let mut old = LanDiscovery::new(LanConfig { repeats: false, ..config(1) });
        let _ = sent(&mut old);
        old.connectivity_changed(SimTime::ZERO);
        assert_eq!((sent(&mut old).len(), old.poll_timeout()), (0, None));
    }
}
