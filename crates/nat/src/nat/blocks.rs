//! Port blocks: who has which, and where the next one is found (RFC 6431, RFC 7422).

use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};

use ipnet::IpNet;
use natbed_packet::{DropReason, Protocol};
use natbed_units::{LookupMap, SimRng};

use super::External;
use super::allocator::places;
use super::ports::{DYNAMIC, PortSet};
use super::subscribers::Subscriber;
use crate::PortBlocks;

/// The ports that blocks share: 64512.
const PORTS: u32 = *DYNAMIC.end() as u32 - *DYNAMIC.start() as u32 + 1;

/// A block of ports at one external address.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) address: u16,
    /// Its number at the address.
    slot: u32,
    pub(super) ports: RangeInclusive<u16>,
    /// Where a sequential search goes on.
    pub(super) cursor: u16,
    /// Ports in use, by protocol.
    in_use: [u32; 3],
}

impl Block {
    const fn place(&self) -> (u16, u32) {
        (self.address, self.slot)
    }

    /// Says whether all of its ports are in use: no need to look at each.
    pub(super) fn is_full(&self, protocol: Protocol) -> bool {
        usize::try_from(self.in_use[protocol as usize]) == Ok(self.ports.len())
    }

    pub(super) fn contains(&self, external: External) -> bool {
        external.address == self.address && self.ports.contains(&external.port)
    }
}

impl PortBlocks {
    /// Returns the ports in a block; 0 if there is no room for that many blocks.
    pub(crate) fn size(self) -> u32 {
        match self {
            Self::Deterministic { compression, overflow, .. } => {
                PORTS / (u32::from(compression) + u32::from(overflow)).max(1)
            }
            Self::Dynamic { size, .. } => size.into(),
        }
    }

    /// Returns the numbers of the blocks at each address that go to whoever needs one.
    fn shared_slots(self) -> Range<u32> {
        match self {
            Self::Deterministic { compression, overflow, .. } => {
                compression.into()..u32::from(compression) + u32::from(overflow)
            }
            Self::Dynamic { size, .. } => 0..PORTS / u32::from(size),
        }
    }

    /// Returns the most blocks that a subscriber has, if there is such a limit.
    fn most(self) -> Option<u16> {
        match self {
            Self::Deterministic { .. } => None,
            Self::Dynamic { max_blocks, .. } => Some(max_blocks),
        }
    }

    fn block(self, address: u16, slot: u32) -> Block {
        let first = u32::from(*DYNAMIC.start()) + slot * self.size();
        // Both fit: the slots that there are lie within the dynamic ports.
        let ports = first as u16..=(first + self.size() - 1) as u16;
        Block { address, slot, cursor: *ports.start(), ports, in_use: [0; 3] }
    }

    /// Returns the block that is for this subscriber alone: its number in the inside network
    /// decides (RFC 7422 section 2, algorithm 0).
    pub(super) fn own(self, internal: IpAddr) -> Option<Block> {
        let Self::Deterministic { subscribers, compression, .. } = self else {
            return None;
        };
        let (number, compression) = (number_in(subscribers, internal)?, u64::from(compression));
        // Both fit: the subscribers were found to fit the external addresses.
        let (address, slot) = ((number / compression) as u16, (number % compression) as u32);
        Some(self.block(address, slot))
    }

    /// Says whether an external endpoint is in the subscriber's own block.
    pub(super) fn is_own(self, internal: IpAddr, external: External) -> bool {
        self.own(internal).is_some_and(|own| own.contains(external))
    }
}

/// Returns how many subscribers an inside network has: hosts, or IPv6 /64s.
pub(crate) fn subscribers_of(network: IpNet) -> u128 {
    let bits = match network {
        IpNet::V4(network) => 32 - network.prefix_len(),
        IpNet::V6(network) => 64_u8.saturating_sub(network.prefix_len()),
    };
    (1 << bits) - if without_ends(network) { 2 } else { 0 }
}

/// Returns a subscriber's number in the inside network, from 0.
fn number_in(network: IpNet, internal: IpAddr) -> Option<u64> {
    let number = Subscriber::from(internal).number_from(Subscriber::from(network.network()));
    if !network.contains(&internal) {
        None
    } else if without_ends(network) {
        number.checked_sub(1).filter(|_| internal != network.broadcast())
    } else {
        Some(number)
    }
}

/// Says whether the first and the last address are no hosts.
fn without_ends(network: IpNet) -> bool {
    matches!(network, IpNet::V4(network) if network.prefix_len() < 31)
}

/// Who has which blocks.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    /// The blocks with a port in use, a subscriber's own one first.
    held: LookupMap<Subscriber, Vec<Block>>,
    /// The shared blocks that somebody has, by address.
    given: Vec<PortSet>,
}

impl Blocks {
    pub(super) fn new(addresses: u32) -> Self {
        Self { held: LookupMap::new(), given: vec![PortSet::default(); addresses as usize] }
    }

    /// Returns the blocks of a subscriber that have a port in use.
    pub(super) fn held(&mut self, subscriber: Subscriber) -> &mut [Block] {
        self.held.get_mut(&subscriber).map_or(&mut [], Vec::as_mut_slice)
    }

    /// Chooses a block in which `port` finds a port, and gives it to the subscriber if it is a new
    /// one: first its own, then those that it has, then one that nobody has. Those are tried from a
    /// random one on, so that it is hard to guess which is next (RFC 6888 REQ-15).
    ///
    /// # Errors
    ///
    /// [`DropReason::SubscriberLimit`] if it may not have another block,
    /// [`DropReason::PortsExhausted`] if there is none.
    pub(super) fn choose(
        &mut self,
        rng: &mut SimRng,
        kind: PortBlocks,
        internal: IpAddr,
        paired: Option<u16>,
        mut port: impl FnMut(&mut SimRng, &mut Block) -> Option<External>,
    ) -> Result<External, DropReason> {
        let subscriber = Subscriber::from(internal);
        let own = kind.own(internal);
        if own.is_none() && matches!(kind, PortBlocks::Deterministic { .. }) {
            return Err(DropReason::PortsExhausted); // no subscriber
        }
        let held = self.held(subscriber);
        let unused = |own: &Block| !held.iter().any(|block| block.place() == own.place());
        if let Some(mut own) = own.filter(unused)
            && let Some(external) = port(rng, &mut own)
        {
            self.held.get_or_insert_with(subscriber, Vec::new).insert(0, own);
            return Ok(external);
        }
        if let Some(external) = held.iter_mut().find_map(|block| port(rng, block)) {
            return Ok(external);
        }
        if kind.most().is_some_and(|most| held.len() >= usize::from(most)) {
            return Err(DropReason::SubscriberLimit);
        }
        let slots = kind.shared_slots();
        let found = places(rng, paired, self.given.len() as u32).find_map(|address| {
            let first = rng.in_range(slots.clone());
            let mut free = (first..slots.end)
                .chain(slots.start..first)
                .filter(|slot| !self.given[usize::from(address)].contains(*slot as u16))
                .map(|slot| kind.block(address, slot));
            free.find_map(|mut block| port(rng, &mut block).map(|external| (block, external)))
        });
        let (block, external) = found.ok_or(DropReason::PortsExhausted)?;
        self.given[usize::from(block.address)].insert(block.slot as u16);
        self.held.get_or_insert_with(subscriber, Vec::new).push(block);
        Ok(external)
    }

    /// Notes a port in use.
    pub(super) fn used(&mut self, subscriber: Subscriber, protocol: Protocol, external: External) {
        if let Some(block) = self.held(subscriber).iter_mut().find(|block| block.contains(external))
        {
            block.in_use[protocol as usize] += 1;
        }
    }

    /// Notes a port out of use; a block without any goes back.
    pub(super) fn unused(
        &mut self,
        subscriber: Subscriber,
        protocol: Protocol,
        external: External,
    ) {
        let Some(held) = self.held.get_mut(&subscriber) else {
            return;
        };
        let Some(n) = held.iter().position(|block| block.contains(external)) else {
            return;
        };
        held[n].in_use[protocol as usize] -= 1;
        if held[n].in_use == [0; 3] {
            let block = held.remove(n);
            self.given[usize::from(block.address)].remove(block.slot as u16);
            if held.is_empty() {
                self.held.remove(&subscriber);
            }
        }
    }
}
