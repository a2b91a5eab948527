//! Staying connected: bootstrap, pings, and looking after the table.

use natbed_units::{SimDuration, SimRng, SimTime};

use super::{Event, Network, Node, Purpose, Status, V4, V6, family, random_span};
use crate::id::Id;
use crate::message::{Families, Query};
use crate::requests::Target;
use crate::search::Search;

/// Seconds until the table is looked after for the first time.
const FIRST_SECONDS: std::ops::Range<u32> = 3..5;
/// Seconds until it is again, if there was something to do,
const BUSY_SECONDS: std::ops::Range<u32> = 5..25;
/// and if there was not.
const IDLE_SECONDS: std::ops::Range<u32> = 60..180;
/// How soon it is when the first node has come.
const HASTE: SimDuration = SimDuration::from_secs(1);
/// How long after the table has grown the neighbourhood is searched.
const GROWTH: SimDuration = SimDuration::from_secs(150);
/// Seconds between two times at which what is old is forgotten.
const FORGET_SECONDS: std::ops::Range<u32> = 2 * 60..6 * 60;
/// How long a search is kept that nothing is wanted of.
const SEARCH_LIFE: SimDuration = SimDuration::from_secs(62 * 60);
/// The first wait between two bootstraps, doubled each time,
const BOOTSTRAP_PERIOD: SimDuration = SimDuration::from_secs(10);
/// up to this.
const BOOTSTRAP_PERIOD_MAX: SimDuration = SimDuration::from_secs(24 * 3600);

/// When what is to be done for the network.
#[derive(Clone, Debug)]
pub(super) struct Maintenance {
    table_due: SimTime,
    forget_due: SimTime,
    /// When the bootstrap hosts are asked next, while there is no one else.
    bootstrap_due: Option<SimTime>,
    bootstrap_period: SimDuration,
}

impl Maintenance {
    pub(super) fn new(now: SimTime, rng: &mut SimRng) -> Self {
        Self {
            table_due: now + random_span(rng, FIRST_SECONDS),
            forget_due: now + random_span(rng, FORGET_SECONDS),
            bootstrap_due: Some(now),
            bootstrap_period: BOOTSTRAP_PERIOD,
        }
    }

    pub(super) fn poll_timeout(&self) -> SimTime {
        let next = self.table_due.min(self.forget_due);
        self.bootstrap_due.map_or(next, |due| due.min(next))
    }

    /// Looks after the table soon: the first node has come.
    pub(super) fn hasten(&mut self, now: SimTime) {
        self.table_due = self.table_due.min(now + HASTE);
    }
}

impl Node {
    pub(super) fn maintain(&mut self, now: SimTime) {
        if self.maintenance.bootstrap_due.is_some_and(|due| due <= now) {
            self.bootstrap(now);
        }
        if self.maintenance.table_due <= now {
            self.look_after_table(now);
        }
        if self.maintenance.forget_due <= now {
            self.forget(now);
        }
        self.update_status(now);
    }

    /// Begins anew in another network: what is known of nodes is as good as nothing.
    ///
    /// Call it when the host has another address, or its link is back.
    pub fn connectivity_changed(&mut self, now: SimTime) {
        for family in 0..self.networks.len() {
            self.begin_anew(now, family);
        }
        self.maintenance.hasten(now);
    }

    /// The same for one address family.
    pub(super) fn begin_anew(&mut self, now: SimTime, family: usize) {
        let Some(network) = &mut self.networks[family] else { return };
        network.peers.reset();
        network.table.reset(now);
        network.searches.values_mut().for_each(Search::renew_listens);
        let keys: Vec<Id> = network.searches.keys().copied().collect();
        keys.into_iter().for_each(|key| network.schedule(key, Some(now)));
        self.seen_as.retain(|address, _| address.is_ipv4() != (family == V4));
        self.maintenance.bootstrap_period = BOOTSTRAP_PERIOD;
        self.maintenance.bootstrap_due = Some(now);
        self.update_status(now);
    }

    /// Asks the bootstrap hosts whether they are there.
    fn bootstrap(&mut self, now: SimTime) {
        let period = self.maintenance.bootstrap_period;
        self.maintenance.bootstrap_due = Some(now + period);
        self.maintenance.bootstrap_period = (period * 2).min(BOOTSTRAP_PERIOD_MAX);
        for address in self.config.bootstrap.clone() {
            if self.networks[family(address)].is_some() {
                let target = Target { id: None, address };
                self.bootstrapping += 1;
                self.request(now, target, Purpose::Bootstrap, Query::Ping);
            }
        }
    }

    /// Asks a known node whether it is there.
    pub(super) fn ping_known(&mut self, now: SimTime, family: usize, id: Id) {
        let peer = self.networks[family].as_ref().and_then(|network| network.peers.get(id));
        if let Some(address) = peer.map(|peer| peer.address) {
            self.request(now, Target { id: Some(id), address }, Purpose::Ping, Query::Ping);
        }
    }

    /// Fills buckets that are empty or silent, and looks for neighbours after the table has grown.
    fn look_after_table(&mut self, now: SimTime) {
        self.find_itself(now);
        let mut has_sent = false;
        for family in 0..self.networks.len() {
            let Some(network) = &self.networks[family] else { continue };
            for (target, asked) in network.table.neglected(now, &network.peers, &mut self.rng) {
                // The other family is asked for as well where little is known of it.
                let is_both = self.is_sparse(1 - family, target)
                    || self.networks[1 - family].is_some() && self.rng.in_range(0..38) == 0;
                let families = Families { v4: is_both, v6: is_both };
                if !self.requests.is_asked(asked) {
                    self.find(now, family, asked, Query::Find { target, families });
                    has_sent = true;
                }
            }
        }
        if !has_sent {
            let has_grown = |network: &Option<Network>| {
                let grew = network.as_ref().and_then(|network| network.table.grew);
                grew.is_some_and(|grew| now <= grew + GROWTH)
            };
            let grown: Vec<bool> = self.networks.iter().map(has_grown).collect();
            for family in (0..self.networks.len()).filter(|family| grown[*family]) {
                self.find_neighbours(now, family);
                has_sent = true;
            }
        }
        let seconds = if has_sent { BUSY_SECONDS } else { IDLE_SECONDS };
        self.maintenance.table_due = now + self.random_span(seconds);
    }

    /// Searches for the node's own identifier if nothing else was searched for yet: so it finds the
    /// nodes next to it, and they find it. It begins with the next node that it is told of.
    fn find_itself(&mut self, now: SimTime) {
        for family in 0..self.networks.len() {
            let is_idle = |network: &Network| {
                let mut known = network.table.nodes(&network.peers);
                network.searches.is_empty() && known.any(|(_, peer)| peer.is_good(now))
            };
            if self.networks[family].as_ref().is_some_and(is_idle) {
                self.begin_search(now, family, self.id);
            }
        }
    }

    /// Says whether a family's table has room where an identifier belongs.
    fn is_sparse(&self, family: usize, target: Id) -> bool {
        self.networks[family].as_ref().is_some_and(|network| network.table.has_room(target))
    }

    /// Asks a neighbour for identifiers next to the node's own.
    fn find_neighbours(&mut self, now: SimTime, family: usize) {
        let Some(network) = &self.networks[family] else { return };
        let Some(asked) = network.table.neighbour(&network.peers, &mut self.rng) else { return };
        let mut target = *self.id.as_bytes();
        target[Id::LENGTH - 1] = self.rng.in_range(0..256) as u8;
        let families =
            Families { v4: self.networks[V4].is_some(), v6: self.networks[V6].is_some() };
        self.find(now, family, asked, Query::Find { target: Id::new(target), families });
    }

    fn find(&mut self, now: SimTime, family: usize, asked: Id, query: Query) {
        let network = self.networks[family].as_ref();
        let Some(peer) = network.and_then(|network| network.peers.get(asked)) else { return };
        let target = Target { id: Some(asked), address: peer.address };
        self.request(now, target, Purpose::Maintenance, query);
    }

    /// Forgets what nobody needs any more.
    fn forget(&mut self, now: SimTime) {
        self.maintenance.forget_due = now + self.random_span(FORGET_SECONDS);
        self.storage.forget(now);
        for family in 0..self.networks.len() {
            let Some(network) = &mut self.networks[family] else { continue };
            let Network { peers, table, searches, due } = network;
            searches.retain(|_, search| search.is_wanted() || now < search.used + SEARCH_LIFE);
            due.retain(|(_, key)| searches.contains_key(key));
            let candidates = table.remove_expired(peers);
            for candidate in candidates {
                self.ping_known(now, family, candidate);
            }
            let Some(Network { peers, table, searches, .. }) = &mut self.networks[family] else {
                continue;
            };
            let requests = &self.requests;
            peers.forget(|id| {
                table.knows(id)
                    || requests.is_asked(id)
                    || searches.values().any(|search| search.knows(id))
            });
        }
    }

    /// Says how well the node is connected, and stops or starts asking bootstrap hosts.
    pub(super) fn update_status(&mut self, now: SimTime) {
        let known = || {
            let networks = self.networks.iter().flatten();
            networks.flat_map(|network| network.table.nodes(&network.peers))
        };
        let status = if known().any(|(_, peer)| peer.is_good(now)) {
            Status::Connected
        } else if self.bootstrapping > 0 || known().any(|(_, peer)| !peer.is_expired) {
            Status::Connecting
        } else {
            Status::Disconnected
        };
        if status == self.status {
            return;
        }
        self.status = status;
        self.events.push_back(Event::Status(status));
        if status == Status::Connected {
            self.maintenance.bootstrap_due = None;
        } else if status == Status::Disconnected {
            if self.maintenance.bootstrap_due.is_none() {
                self.maintenance.bootstrap_period = BOOTSTRAP_PERIOD;
                self.maintenance.bootstrap_due = Some(now);
            }
            self.fail_searches();
        }
    }

    /// Nobody is there: what is wanted of keys for which there is nobody to ask has failed.
    fn fail_searches(&mut self) {
        for family in 0..self.networks.len() {
            let Some(Network { peers, searches, .. }) = &mut self.networks[family] else {
                continue;
            };
            let alone = searches.values_mut().filter(|search| search.alive(peers) == 0);
            let failed = alone.flat_map(Search::lose).collect();
            self.fail(failed);
        }
    }
}
