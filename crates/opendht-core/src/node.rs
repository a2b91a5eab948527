//! One node of the real core, with the verbs of every state machine here.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use natbed_units::{Seed, SimDuration, SimTime};
use rand_core::Rng;

use crate::config::{CoreConfig, CoreContact};
use crate::error::CoreError;
use crate::ffi::{Core, Setup, Told};

/// Names something that is wanted of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreOperation(u64);

/// How well a node is connected to its network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoreStatus {
    /// It knows no node that answers.
    #[default]
    Disconnected,
    /// It knows nodes, but none that has answered of late.
    Connecting,
    /// It knows a good node.
    Connected,
}

/// What a node tells its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoreEvent {
    /// Its connection has changed.
    Status(CoreStatus),
    /// A value that was asked for, or listened for, is there: its MessagePack bytes, of which
    /// `natbed_dht::Value::decode` makes a value.
    Value(CoreOperation, Bytes),
    /// A value that was listened for is gone: its identifier.
    Gone(CoreOperation, u64),
    /// A get or a put has come to its end, and whether it has succeeded.
    Finished(CoreOperation, bool),
    /// The core has failed, and the node does nothing any more.
    Failed(CoreError),
}

/// How something that lasts is cancelled.
#[derive(Clone, Copy, Debug)]
enum Cancel {
    Get,
    Put { value: u64 },
    Listen { token: u64 },
}

/// A node of the OpenDHT network that is the real core.
///
/// Once the core has thrown an exception the node is dead: it takes and gives nothing any more,
/// and [`failure`](Self::failure) says why.
pub struct CoreNode {
    core: Core,
    config: CoreConfig,
    id: [u8; 20],
    now: SimTime,
    status: CoreStatus,
    failure: Option<CoreError>,
    operations: BTreeMap<CoreOperation, ([u8; 20], Cancel)>,
    operations_made: u64,
    events: VecDeque<CoreEvent>,
}

/// How long after the time that it has asked for the core is called.
///
/// No program wakes up at the very nanosecond, and the core relies on that: a request whose time is
/// up *now* is not overdue yet for it, so it would send that again and for ever, and give no node
/// up. It also keeps time going, should the core ask for a time that has passed.
const LATENESS: SimDuration = SimDuration::from_micros(1);

impl CoreNode {
    /// Makes a node that begins now; what is random about it comes from `seed`.
    ///
    /// # Errors
    ///
    /// [`CoreError::NotInterposed`] if the executable is not linked as it must be, and
    /// [`CoreError::NotMade`] if there are 4096 nodes already or the core does not want to begin.
    pub fn new(now: SimTime, config: CoreConfig, seed: Seed) -> Result<Self, CoreError> {
        let mut rng = seed.rng("opendht-core");
        let mut drawn = [0; 20];
        rng.fill_bytes(&mut drawn);
        let id = config.id.unwrap_or(drawn);
        let setup = Setup {
            id,
            network: config.network,
            entropy: rng.next_u64(),
            epoch_unix_seconds: config.epoch_unix_seconds,
            port: config.port,
            has_ipv4: config.has_ipv4,
            has_ipv6: config.has_ipv6,
        };
        let mut node = Self {
            core: Core::new(now, &setup)?,
            id,
            now,
            status: CoreStatus::default(),
            failure: None,
            operations: BTreeMap::new(),
            operations_made: 0,
            events: VecDeque::new(),
            config,
        };
        for contact in node.config.contacts.clone() {
            node.insert(now, contact);
        }
        let bootstrap = node.config.bootstrap.clone();
        if !bootstrap.is_empty() {
            node.act(now, |core| core.bootstrap(now, &bootstrap));
        }
        Ok(node)
    }

    /// Returns its identifier.
    #[must_use]
    pub fn id(&self) -> [u8; 20] {
        self.id
    }

    /// Returns how it was set up.
    #[must_use]
    pub fn config(&self) -> &CoreConfig {
        &self.config
    }

    /// Returns how well it is connected.
    #[must_use]
    pub fn status(&self) -> CoreStatus {
        self.status
    }

    /// Returns why it is dead, if it is.
    #[must_use]
    pub fn failure(&self) -> Option<&CoreError> {
        self.failure.as_ref()
    }

    /// Returns how many datagrams were kept from the core because what it does with them is undefined.
    ///
    /// OpenDHT 2.4.12 takes a message and its body for maps without a look, and then reads what is
    /// not there. A real node dies of such a datagram, or goes on by chance; here it goes on.
    #[must_use]
    pub fn undefined_datagrams(&self) -> u64 {
        self.core.undefined()
    }

    /// Returns how many bytes of memory it has come to use; 256 MiB are the most it may.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.core.memory()
    }

    /// Returns how many nodes in its tables are good, and how many doubtful.
    pub fn known(&mut self) -> (u32, u32) {
        let now = self.now;
        self.with(now, |core| core.known(now)).unwrap_or_default()
    }

    /// Takes a datagram from the network.
    pub fn handle_datagram(&mut self, now: SimTime, from: SocketAddr, datagram: &Bytes) {
        if self.speaks(from) {
            self.act(now, |core| core.handle_datagram(now, from, datagram));
        }
    }

    /// Does what has become due; being called early or twice is harmless.
    pub fn handle_timeout(&mut self, now: SimTime) {
        self.act(now, |core| core.handle_timeout(now));
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) wants to be called: a microsecond after
    /// the time that the core asks for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        let next = self.core.next();
        let is_wanted = self.failure.is_none() && next != SimTime::MAX;
        is_wanted.then(|| next.max(self.now) + LATENESS)
    }

    /// Returns the next datagram to send, and where; `None` when there is none.
    #[must_use = "a datagram that is not sent is lost without a reason"]
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Bytes)> {
        if self.failure.is_some() { None } else { self.core.poll_transmit() }
    }

    /// Returns what the user should know next.
    pub fn poll_event(&mut self) -> Option<CoreEvent> {
        self.events.pop_front()
    }

    /// Takes note of a node without a ping.
    pub fn insert(&mut self, now: SimTime, contact: CoreContact) {
        if self.speaks(contact.address) {
            self.act(now, |core| core.insert(now, &contact.id, contact.address));
        }
    }

    /// Asks a host whether a node is there, once; for more than that, see
    /// [`CoreConfig::bootstrap`].
    pub fn ping(&mut self, now: SimTime, address: SocketAddr) {
        if self.speaks(address) {
            self.act(now, |core| core.ping(now, address));
        }
    }

    /// Begins anew in another network: call it when the host has another address, or its link is
    /// back.
    pub fn connectivity_changed(&mut self, now: SimTime) {
        self.act(now, |core| core.connectivity_changed(now));
    }

    /// Asks for the values under a key; each is told as an event, and the end of it too.
    pub fn get(&mut self, now: SimTime, key: [u8; 20]) -> CoreOperation {
        let operation = self.open(key, Cancel::Get);
        self.act(now, |core| core.get(now, &key, operation.0));
        operation
    }

    /// Stores a value, given as its MessagePack bytes, under a key; if it is permanent, for as long
    /// as it is not [cancelled](Self::cancel).
    ///
    /// # Errors
    ///
    /// [`CoreError::NotAValue`] for other bytes; the node lives on. Otherwise why it is dead.
    pub fn put(
        &mut self,
        now: SimTime,
        key: [u8; 20],
        value: &Bytes,
        is_permanent: bool,
    ) -> Result<CoreOperation, CoreError> {
        let operation = self.open(key, Cancel::Put { value: 0 });
        let put = |core: &mut Core| core.put(now, &key, operation.0, value, is_permanent);
        match self.with(now, put) {
            Ok(value) => {
                self.operations.insert(operation, (key, Cancel::Put { value }));
                Ok(operation)
            }
            Err(error) => {
                self.operations.remove(&operation);
                Err(error)
            }
        }
    }

    /// Listens for values under a key, those there and those to come.
    pub fn listen(&mut self, now: SimTime, key: [u8; 20]) -> CoreOperation {
        let operation = self.open(key, Cancel::Get);
        if let Ok(token) = self.with(now, |core| core.listen(now, &key, operation.0)) {
            self.operations.insert(operation, (key, Cancel::Listen { token }));
        }
        operation
    }

    /// Ends a listen or a permanent put; of anything else, only the events end.
    pub fn cancel(&mut self, now: SimTime, operation: CoreOperation) {
        let Some((key, cancel)) = self.operations.remove(&operation) else { return };
        match cancel {
            Cancel::Get => {}
            Cancel::Put { value } => {
                self.act(now, |core| core.cancel_put(now, &key, value));
            }
            Cancel::Listen { token } => {
                self.act(now, |core| core.cancel_listen(now, &key, token));
            }
        }
    }

    fn open(&mut self, key: [u8; 20], cancel: Cancel) -> CoreOperation {
        self.operations_made += 1;
        let operation = CoreOperation(self.operations_made);
        self.operations.insert(operation, (key, cancel));
        operation
    }

    fn speaks(&self, address: SocketAddr) -> bool {
        if address.is_ipv4() { self.config.has_ipv4 } else { self.config.has_ipv6 }
    }

    /// Lets the core do something; if it fails, the user is told so by an event.
    fn act(&mut self, now: SimTime, f: impl FnOnce(&mut Core) -> Result<(), CoreError>) {
        self.with(now, f).ok();
    }

    /// Lets the core do something, then takes note of what it tells.
    fn with<T>(
        &mut self,
        now: SimTime,
        f: impl FnOnce(&mut Core) -> Result<T, CoreError>,
    ) -> Result<T, CoreError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.now = self.now.max(now);
        let result = f(&mut self.core);
        self.take_events();
        if let Err(error @ CoreError::Thrown { .. }) = &result {
            self.status = CoreStatus::Disconnected;
            self.failure = Some(error.clone());
            self.events.push_back(CoreEvent::Failed(error.clone()));
        }
        result
    }

    fn take_events(&mut self) {
        let status = match self.core.status() {
            0 => CoreStatus::Disconnected,
            1 => CoreStatus::Connecting,
            _ => CoreStatus::Connected,
        };
        if status != self.status {
            self.status = status;
            self.events.push_back(CoreEvent::Status(status));
        }
        while let Some(told) = self.core.poll_event() {
            let (operation, event) = match told {
                Told::Value(of, value) => {
                    (CoreOperation(of), CoreEvent::Value(CoreOperation(of), value))
                }
                Told::Gone(of, value) => {
                    (CoreOperation(of), CoreEvent::Gone(CoreOperation(of), value))
                }
                Told::Finished(of, is_ok) => {
                    (CoreOperation(of), CoreEvent::Finished(CoreOperation(of), is_ok))
                }
            };
            // What was cancelled is told no more.
            if !self.operations.contains_key(&operation) {
                continue;
            }
            let is_over = matches!(event, CoreEvent::Finished(..));
            self.events.push_back(event);
            if is_over && matches!(self.operations.get(&operation), Some((_, Cancel::Get))) {
                self.operations.remove(&operation);
            }
        }
    }
}

impl fmt::Debug for CoreNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, status, failure, .. } = self;
        f.debug_struct("CoreNode")
            .field("config", config)
            .field("status", status)
            .field("failure", failure)
            .finish_non_exhaustive()
    }
}
