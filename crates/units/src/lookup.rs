//! A hash map for deciding code: lookups only, no iteration.

use std::hash::Hash;

#[allow(clippy::disallowed_types)] // the one place: wrapped so that nothing can iterate it
type Inner<K, V> = hashbrown::HashMap<K, V, rustc_hash::FxBuildHasher>;

/// A hash map with a fixed hasher that offers lookups but no iteration.
///
/// NAT tables and routing tables need constant-time lookups; what must never
/// happen is that the order of a hash table decides anything (law 3 of the
/// design). This type makes that impossible: there is no `iter`, `keys`,
/// `values` or `retain`. Where order is needed, keep a `BTreeMap` or a list.
///
/// The hasher has no random key, so a map behaves the same in every run. It is
/// not meant to withstand keys chosen to collide; every table in natbed that
/// holds keys from scenario input has a size limit.
#[derive(Clone, Debug)]
pub struct LookupMap<K, V>(Inner<K, V>);

impl<K, V> Default for LookupMap<K, V> {
    fn default() -> Self {
        Self(Inner::default())
    }
}

impl<K: Eq + Hash, V> LookupMap<K, V> {
    /// Makes an empty map that has not allocated.
    #[must_use]
    pub const fn new() -> Self {
        Self(Inner::with_hasher(rustc_hash::FxBuildHasher))
    }

    /// Returns the value stored at `key`.
    #[inline]
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// Returns the value stored at `key` for change in place.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    /// Says whether `key` is present.
    #[inline]
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Stores `value` at `key` and returns what stood there.
    #[inline]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Returns the value at `key`, made by `make` when absent.
    #[inline]
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.0.entry(key).or_insert_with(make)
    }

    /// Takes the value at `key` out of the map.
    #[inline]
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether the map has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes all entries and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
