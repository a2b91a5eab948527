//! What a node stores for others, and who listens.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use natbed_units::{SimDuration, SimTime};

use crate::id::Id;
use crate::message::Select;
use crate::value::{Data, Value};

/// Bytes of values from others that a node stores.
pub(crate) const BYTES_MAX: usize = 64 << 20;
/// Values under one key.
pub(crate) const VALUES_MAX: usize = 65_536;
/// Values from others that a node stores, however short they are.
pub(crate) const COUNT_MAX: usize = 262_144;
/// How long a listener is told of values after it has last asked for that.
pub(crate) const LISTENER_LIFE: SimDuration = SimDuration::from_secs(600);
/// Listeners of one key; a node beyond that is not told.
pub(crate) const LISTENERS_OF_KEY_MAX: usize = 1_024;
/// Listeners of all keys.
pub(crate) const LISTENERS_MAX: usize = 65_536;

/// How long a value of a type lives from its creation on.
pub(crate) const fn life(kind: u16) -> SimDuration {
    const MINUTE: u64 = 60;
    const DAY: u64 = 24 * 3600;
    SimDuration::from_secs(match kind {
        1 | 3 => 5 * MINUTE, // messages of the DHT, instant messages
        2 => 15 * MINUTE,    // services of an address
        4 | 8 => 7 * DAY,    // trust requests, certificates
        5 => MINUTE,         // ICE candidates
        _ => 10 * MINUTE,    // users' data
    })
}

impl Value {
    /// Returns how long it lives from its creation on; what is encrypted is users' data.
    #[must_use]
    pub fn life(&self) -> SimDuration {
        match &self.data {
            Data::Open { body, .. } => life(body.kind),
            Data::Encrypted(_) => life(0),
        }
    }

    /// Says whether it may take the place of an earlier value with the same identifier: it must be
    /// signed by the same owner, and be a later edition or say the same.
    fn may_replace(&self, earlier: &Self) -> bool {
        let (Some(new), Some(old)) = (self.owner(), earlier.owner()) else { return false };
        let is_same = || match (&self.data, &earlier.data) {
            (Data::Open { body: new, .. }, Data::Open { body: old, .. }) => new == old,
            _ => false,
        };
        let is_later = new.sequence > old.sequence || new.sequence == old.sequence && is_same();
        new.key == old.key && is_later
    }
}

/// What became of a value that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storing {
    /// It was not there before, or not this edition.
    New,
    /// It was there, and lives on for another lifetime.
    Refreshed,
    /// Something else has its identifier, or there is no room; whoever asked is not told.
    Refused,
}

/// Somebody who is told of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Whether it is one of before 2018, which is told in another way.
    pub(crate) is_legacy: bool,
    /// Of which values; of all if it is not given.
    pub(crate) select: Option<Select>,
    /// Until when.
    pub(crate) until: SimTime,
}

/// Values by key, with those who listen.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    keys: BTreeMap<Id, Shelf>,
    /// What expires, in the order of time.
    expiry: BTreeSet<(SimTime, Id, u64)>,
    /// What came from each address: bytes, and the values, oldest first.
    origins: BTreeMap<IpAddr, Origin>,
    bytes: usize,
    /// Values of others, and listeners.
    count: usize,
    listeners: usize,
}

#[derive(Debug, Default)]
struct Shelf {
    values: BTreeMap<u64, Stored>,
    /// By node and the number it listens with.
    listeners: BTreeMap<(Id, u32), Listener>,
}

#[derive(Debug)]
struct Stored {
    value: Arc<Value>,
    since: SimTime,
    expires: SimTime,
    origin: Option<IpAddr>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Origin {
    bytes: usize,
    values: BTreeSet<(SimTime, Id, u64)>,
}

impl Storage {
    /// Stores a value that was made at `created`, for as long as its type lives.
    ///
    /// `origin` is the address it came from; the node's own values have none, and do not count.
    pub(crate) fn store(
        &mut self,
        now: SimTime,
        key: Id,
        value: Arc<Value>,
        created: SimTime,
        origin: Option<IpAddr>,
    ) -> Storing {
        let expires = created.min(now) + value.life();
        if expires <= now {
            return Storing::Refused;
        }
        let id = value.id;
        let shelf = self.keys.get_mut(&key);
        let known = shelf.as_ref().map_or(0, |shelf| shelf.values.len());
        if let Some(stored) = shelf.and_then(|shelf| shelf.values.get_mut(&id)) {
            if *stored.value == *value {
                self.expiry.remove(&(stored.expires, key, id));
                stored.expires = stored.expires.max(expires);
                self.expiry.insert((stored.expires, key, id));
                return Storing::Refreshed;
            }
            if !value.may_replace(&stored.value) {
                return Storing::Refused;
            }
            self.remove(key, id);
        } else if known >= VALUES_MAX {
            return Storing::Refused;
        }
        let bytes = value.encode().len();
        let stored = Stored { value, since: now, expires, origin, bytes };
        self.keys.entry(key).or_default().values.insert(id, stored);
        self.expiry.insert((expires, key, id));
        if let Some(origin) = origin {
            let origin = self.origins.entry(origin).or_default();
            origin.bytes += bytes;
            origin.values.insert((now, key, id));
            self.bytes += bytes;
            self.count += 1;
            self.make_room();
        }
        Storing::New
    }

    /// Keeps a value of the node's own for ever.
    pub(crate) fn keep(&mut self, key: Id, id: u64) {
        self.set_expiry(key, id, |_| SimTime::MAX);
    }

    /// Keeps it for ever no more, but until it has lived as long as its type does.
    pub(crate) fn keep_no_more(&mut self, key: Id, id: u64) {
        self.set_expiry(key, id, |stored| stored.since + stored.value.life());
    }

    fn set_expiry(&mut self, key: Id, id: u64, expires: impl Fn(&Stored) -> SimTime) {
        let shelf = self.keys.get_mut(&key);
        let Some(stored) = shelf.and_then(|shelf| shelf.values.get_mut(&id)) else { return };
        if stored.origin.is_none() {
            self.expiry.remove(&(stored.expires, key, id));
            stored.expires = expires(stored);
            self.expiry.insert((stored.expires, key, id));
        }
    }

    /// Gives up the oldest values of whoever has stored most, until the rest fits.
    fn make_room(&mut self) {
        while self.bytes > BYTES_MAX || self.count > COUNT_MAX {
            let heaviest = self.origins.values().max_by_key(|origin| origin.bytes);
            let Some((_, key, id)) = heaviest.and_then(|origin| origin.values.first()).copied()
            else {
                return;
            };
            self.remove(key, id);
        }
    }

    /// Lets a value live for another lifetime; `None` if nothing is known of the key, `false` if
    /// nothing is known of the value.
    pub(crate) fn refresh(&mut self, now: SimTime, key: Id, id: u64) -> Option<bool> {
        let stored = self.keys.get_mut(&key)?.values.get_mut(&id);
        Some(stored.is_some_and(|stored| {
            self.expiry.remove(&(stored.expires, key, id));
            stored.expires = stored.expires.max(now + stored.value.life());
            self.expiry.insert((stored.expires, key, id));
            true
        }))
    }

    /// Returns the values under a key in the order of their identifiers.
    pub(crate) fn values(&self, key: Id) -> Vec<Arc<Value>> {
        let shelf = self.keys.get(&key);
        let values = shelf.into_iter().flat_map(|shelf| shelf.values.values());
        values.map(|stored| Arc::clone(&stored.value)).collect()
    }

    /// Lets a node listen, or go on to.
    pub(crate) fn listen(
        &mut self,
        now: SimTime,
        key: Id,
        node: Id,
        socket: u32,
        mut of: Listener,
    ) {
        of.until = now + LISTENER_LIFE;
        let known =
            self.keys.get_mut(&key).and_then(|shelf| shelf.listeners.get_mut(&(node, socket)));
        if let Some(known) = known {
            *known = of;
            return;
        }
        let known = self.keys.get(&key).map_or(0, |shelf| shelf.listeners.len());
        if self.listeners < LISTENERS_MAX && known < LISTENERS_OF_KEY_MAX {
            self.keys.entry(key).or_default().listeners.insert((node, socket), of);
            self.listeners += 1;
        }
    }

    /// Returns who listens to a key now.
    pub(crate) fn listeners(
        &self,
        now: SimTime,
        key: Id,
    ) -> impl Iterator<Item = (Id, u32, &Listener)> {
        let shelf = self.keys.get(&key).into_iter();
        let listeners = shelf.flat_map(|shelf| &shelf.listeners);
        let listeners = listeners.map(|((node, socket), listener)| (*node, *socket, listener));
        listeners.filter(move |(.., listener)| now < listener.until)
    }

    /// Returns when the next value expires.
    pub(crate) fn poll_timeout(&self) -> Option<SimTime> {
        self.expiry.first().map(|(at, ..)| *at)
    }

    /// Removes what has expired, and returns which values that were.
    pub(crate) fn handle_timeout(&mut self, now: SimTime) -> Vec<(Id, u64)> {
        let mut expired = Vec::new();
        while let Some((at, key, id)) = self.expiry.first().copied()
            && at <= now
        {
            self.remove(key, id);
            expired.push((key, id));
        }
        expired
    }

    /// Forgets listeners that have not asked again, and keys that nothing is left of.
    pub(crate) fn forget(&mut self, now: SimTime) {
        self.keys.retain(|_, shelf| {
            let before = shelf.listeners.len();
            shelf.listeners.retain(|_, listener| now < listener.until);
            self.listeners -= before - shelf.listeners.len();
            !shelf.listeners.is_empty() || !shelf.values.is_empty()
        });
    }

    fn remove(&mut self, key: Id, id: u64) {
        let removed = self.keys.get_mut(&key).and_then(|shelf| shelf.values.remove(&id));
        let Some(Stored { since, expires, origin, bytes, .. }) = removed else { return };
        self.expiry.remove(&(expires, key, id));
        let Some(address) = origin else { return };
        self.bytes -= bytes;
        self.count -= 1;
        if let Some(origin) = self.origins.get_mut(&address) {
            origin.bytes -= bytes;
            origin.values.remove(&(since, key, id));
            if origin.values.is_empty() {
                self.origins.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests;
