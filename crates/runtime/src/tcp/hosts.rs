//! The TCP of all hosts of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use natbed_network::HostId;
use natbed_packet::Packet;
use natbed_units::{Seed, SimTime};

use super::stack::{AddressMtu, TcpStack};
use crate::report::Limits;

/// The stacks of a run, one for each host that has used TCP.
pub(crate) struct TcpHosts {
    hosts: BTreeMap<HostId, TcpHost>,
    /// When to look at which host.
    timers: BTreeSet<(SimTime, HostId)>,
    connections_max: usize,
}

struct TcpHost {
    /// The generator's seed, by the host's name, so that other hosts do not shift what it draws.
    seed: Seed,
    addresses: Vec<AddressMtu>,
    stack: Option<TcpStack>,
    armed: Option<SimTime>,
}

impl TcpHosts {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            hosts: BTreeMap::new(),
            timers: BTreeSet::new(),
            connections_max: limits.tcp_connections,
        }
    }

    /// Lets `host` use TCP, or takes note of its new addresses.
    pub(crate) fn set_host(
        &mut self,
        host: HostId,
        name: &str,
        seed: Seed,
        addresses: impl Iterator<Item = AddressMtu>,
    ) {
        let entry = self.hosts.entry(host).or_insert_with(|| TcpHost {
            seed: seed.derive(&format!("tcp/{name}")),
            addresses: Vec::new(),
            stack: None,
            armed: None,
        });
        entry.addresses.clear();
        entry.addresses.extend(addresses);
        if let Some(stack) = &mut entry.stack {
            stack.set_addresses(&entry.addresses);
        }
    }

    /// Says whether the host has used TCP.
    #[inline]
    pub(crate) fn has_stack(&self, host: HostId) -> bool {
        self.hosts.get(&host).is_some_and(|host| host.stack.is_some())
    }

    /// Returns when a stack wants to be looked at next.
    #[inline]
    pub(crate) fn poll_timeout(&self) -> Option<SimTime> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes out the next host to be looked at by `now`.
    pub(crate) fn pop_due(&mut self, now: SimTime) -> Option<HostId> {
        let (at, host) = self.timers.first().copied()?;
        if at > now {
            return None;
        }
        self.timers.pop_first();
        if let Some(host) = self.hosts.get_mut(&host) {
            host.armed = None;
        }
        Some(host)
    }

    /// Calls `f` with the stack of a host, which is made if there is none yet, and hands what it
    /// has to send to `send`; `None` if the host is not known.
    pub(crate) fn update<R>(
        &mut self,
        host: HostId,
        f: impl FnOnce(&mut TcpStack) -> R,
        mut send: impl FnMut(Packet),
    ) -> Option<R> {
        let entry = self.hosts.get_mut(&host)?;
        let stack = entry.stack.get_or_insert_with(|| {
            let mut stack = TcpStack::new(entry.seed.rng("stack"), self.connections_max);
            stack.set_addresses(&entry.addresses);
            stack
        });
        let result = f(stack);
        stack.take_packets().for_each(&mut send);
        let due = stack.poll_timeout();
        if due != entry.armed {
            if let Some(armed) = mem::replace(&mut entry.armed, due) {
                self.timers.remove(&(armed, host));
            }
            self.timers.extend(due.map(|due| (due, host)));
        }
        Some(result)
    }
}
