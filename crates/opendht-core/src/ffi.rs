//! The C++ part, made safe.
//!
//! The declarations follow `cpp/shim.h`. This is the only file of the crate with `unsafe` code.

use std::ffi::{CStr, c_char, c_int};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use bytes::Bytes;
use natbed_units::SimTime;

use crate::error::CoreError;

#[repr(C)]
struct RawCore {
    _private: [u8; 0],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct RawAddress {
    ip: [u8; 16],
    port: u16,
    is_ipv6: u8,
}

#[repr(C)]
struct RawConfig {
    id: [u8; 20],
    network: u32,
    entropy: u64,
    steady_start_ns: i64,
    system_start_ns: i64,
    port: u16,
    has_ipv4: u8,
    has_ipv6: u8,
}

#[repr(C)]
struct RawEvent {
    kind: u32,
    is_ok: u8,
    operation: u64,
    value: u64,
    data: *const u8,
    length: usize,
}

#[repr(C)]
struct RawTimes {
    now_ns: u64,
    next_ns: u64,
}

unsafe extern "C" {
    fn natbed_core_symbol_not_taken_over() -> *const c_char;
    fn natbed_core_new(
        config: *const RawConfig,
        times: *mut RawTimes,
        error: *mut c_char,
        error_length: usize,
    ) -> *mut RawCore;
    fn natbed_core_free(core: *mut RawCore);
    fn natbed_core_error(core: *const RawCore) -> *const c_char;
    fn natbed_core_handle(
        core: *mut RawCore,
        times: *mut RawTimes,
        from: *const RawAddress,
        datagram: *const u8,
        length: usize,
    ) -> c_int;
    fn natbed_core_insert(
        core: *mut RawCore,
        times: *mut RawTimes,
        id: *const [u8; 20],
        address: *const RawAddress,
    ) -> c_int;
    fn natbed_core_ping(
        core: *mut RawCore,
        times: *mut RawTimes,
        address: *const RawAddress,
    ) -> c_int;
    fn natbed_core_bootstrap(
        core: *mut RawCore,
        times: *mut RawTimes,
        addresses: *const RawAddress,
        count: usize,
    ) -> c_int;
    fn natbed_core_connectivity_changed(core: *mut RawCore, times: *mut RawTimes) -> c_int;
    fn natbed_core_get(
        core: *mut RawCore,
        times: *mut RawTimes,
        key: *const [u8; 20],
        operation: u64,
    ) -> c_int;
    fn natbed_core_put(
        core: *mut RawCore,
        times: *mut RawTimes,
        key: *const [u8; 20],
        operation: u64,
        packed: *const u8,
        length: usize,
        is_permanent: c_int,
        value: *mut u64,
    ) -> c_int;
    fn natbed_core_listen(
        core: *mut RawCore,
        times: *mut RawTimes,
        key: *const [u8; 20],
        operation: u64,
        token: *mut u64,
    ) -> c_int;
    fn natbed_core_cancel_put(
        core: *mut RawCore,
        times: *mut RawTimes,
        key: *const [u8; 20],
        value: u64,
    ) -> c_int;
    fn natbed_core_cancel_listen(
        core: *mut RawCore,
        times: *mut RawTimes,
        key: *const [u8; 20],
        token: u64,
    ) -> c_int;
    fn natbed_core_poll_transmit(
        core: *mut RawCore,
        to: *mut RawAddress,
        data: *mut *const u8,
        length: *mut usize,
    ) -> c_int;
    fn natbed_core_poll_event(core: *mut RawCore, event: *mut RawEvent) -> c_int;
    fn natbed_core_status(core: *const RawCore) -> c_int;
    fn natbed_core_undefined(core: *const RawCore) -> u64;
    fn natbed_core_memory(core: *const RawCore) -> usize;
    fn natbed_core_known(
        core: *mut RawCore,
        times: *mut RawTimes,
        good: *mut u32,
        doubtful: *mut u32,
    ) -> c_int;
}

/// What monotonic clocks show at the start of a run, in nanoseconds, as natbed-runtime has them.
const UPTIME_NS: i64 = 1_000_000 * 1_000_000_000;

impl From<SocketAddr> for RawAddress {
    fn from(address: SocketAddr) -> Self {
        let mut ip = [0; 16];
        match address.ip() {
            IpAddr::V4(v4) => ip[..4].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => ip = v6.octets(),
        }
        Self { ip, port: address.port(), is_ipv6: address.is_ipv6().into() }
    }
}

impl From<RawAddress> for SocketAddr {
    fn from(raw: RawAddress) -> Self {
        let [a, b, c, d, ..] = raw.ip;
        let ip = if raw.is_ipv6 != 0 {
            IpAddr::V6(Ipv6Addr::from(raw.ip))
        } else {
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        };
        Self::new(ip, raw.port)
    }
}

/// Proves that the executable is linked so that the core sees the clocks, the entropy and the
/// memory of its node.
///
/// Making a node does it as well, once in a process.
///
/// # Errors
///
/// [`CoreError::NotInterposed`] with the first function that is libstdc++'s own.
pub fn self_check() -> Result<(), CoreError> {
    static CHECKED: OnceLock<Result<(), CoreError>> = OnceLock::new();
    CHECKED
        .get_or_init(|| {
            // SAFETY: it has no preconditions.
            let symbol = unsafe { natbed_core_symbol_not_taken_over() };
            if symbol.is_null() {
                return Ok(());
            }
            // SAFETY: not null, so a constant text that ends in a zero byte.
            let symbol = unsafe { CStr::from_ptr(symbol) }.to_string_lossy().into_owned();
            Err(CoreError::NotInterposed { symbol })
        })
        .clone()
}

/// What a node is made of.
pub(crate) struct Setup {
    pub(crate) id: [u8; 20],
    pub(crate) network: u32,
    pub(crate) entropy: u64,
    pub(crate) epoch_unix_seconds: u64,
    pub(crate) port: u16,
    pub(crate) has_ipv4: bool,
    pub(crate) has_ipv6: bool,
}

/// What the core tells.
#[derive(Debug)]
pub(crate) enum Told {
    Value(u64, Bytes),
    Gone(u64, u64),
    Finished(u64, bool),
}

/// One `dht::Dht` with its surroundings.
///
/// Not `Send`: its heap is used without locks, and by the thread that made it alone.
pub(crate) struct Core {
    raw: NonNull<RawCore>,
    /// When it wants to be called, [`SimTime::MAX`] for never.
    next: SimTime,
}

impl Core {
    pub(crate) fn new(now: SimTime, setup: &Setup) -> Result<Self, CoreError> {
        self_check()?;
        let epoch_ns = setup.epoch_unix_seconds.saturating_mul(1_000_000_000);
        let config = RawConfig {
            id: setup.id,
            network: setup.network,
            entropy: setup.entropy,
            steady_start_ns: UPTIME_NS,
            // Half of what the type holds: a run ends before the rest does.
            system_start_ns: i64::try_from(epoch_ns).unwrap_or(i64::MAX).min(i64::MAX / 2),
            port: setup.port,
            has_ipv4: setup.has_ipv4.into(),
            has_ipv6: setup.has_ipv6.into(),
        };
        let mut times = RawTimes { now_ns: now.as_nanos(), next_ns: u64::MAX };
        let mut error = [0_u8; 256];
        // SAFETY: the pointers are to live values; the text is cut to the length given.
        let raw = unsafe {
            natbed_core_new(
                &raw const config,
                &raw mut times,
                error.as_mut_ptr().cast(),
                error.len(),
            )
        };
        match NonNull::new(raw) {
            Some(raw) => Ok(Self { raw, next: SimTime::from_nanos(times.next_ns) }),
            None => {
                let reason = CStr::from_bytes_until_nul(&error).unwrap_or(c"");
                Err(CoreError::NotMade { reason: reason.to_string_lossy().into_owned() })
            }
        }
    }

    /// Returns when it wants to be called, [`SimTime::MAX`] for never.
    pub(crate) fn next(&self) -> SimTime {
        self.next
    }

    /// Calls a function of the shim and takes over when the core wants to be called next.
    fn call(
        &mut self,
        now: SimTime,
        f: impl FnOnce(*mut RawCore, *mut RawTimes) -> c_int,
    ) -> Result<(), CoreError> {
        let mut times = RawTimes { now_ns: now.as_nanos(), next_ns: self.next.as_nanos() };
        let result = f(self.raw.as_ptr(), &raw mut times);
        self.next = SimTime::from_nanos(times.next_ns);
        match result {
            0 => return Ok(()),
            2 => return Err(CoreError::NotAValue),
            _ => {}
        }
        // SAFETY: the node is alive; its text ends in a zero byte.
        let reason = unsafe { CStr::from_ptr(natbed_core_error(self.raw.as_ptr())) };
        Err(CoreError::Thrown { reason: reason.to_string_lossy().into_owned() })
    }

    pub(crate) fn handle_datagram(
        &mut self,
        now: SimTime,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), CoreError> {
        let from = RawAddress::from(from);
        self.call(now, |core, times| {
            // SAFETY: the node is alive, and the pointers are to live values.
            unsafe {
                let (data, length) = (datagram.as_ptr(), datagram.len());
                natbed_core_handle(core, times, &raw const from, data, length)
            }
        })
    }

    pub(crate) fn handle_timeout(&mut self, now: SimTime) -> Result<(), CoreError> {
        self.call(now, |core, times| {
            // SAFETY: the node is alive; null means that there is no datagram.
            unsafe { natbed_core_handle(core, times, ptr::null(), ptr::null(), 0) }
        })
    }

    pub(crate) fn insert(
        &mut self,
        now: SimTime,
        id: &[u8; 20],
        address: SocketAddr,
    ) -> Result<(), CoreError> {
        let address = RawAddress::from(address);
        self.call(now, |core, times| {
            // SAFETY: the node is alive, and the pointers are to live values.
            unsafe { natbed_core_insert(core, times, id, &raw const address) }
        })
    }

    pub(crate) fn ping(&mut self, now: SimTime, address: SocketAddr) -> Result<(), CoreError> {
        let address = RawAddress::from(address);
        self.call(now, |core, times| {
            // SAFETY: the node is alive, and the pointers are to live values.
            unsafe { natbed_core_ping(core, times, &raw const address) }
        })
    }

    pub(crate) fn bootstrap(
        &mut self,
        now: SimTime,
        addresses: &[SocketAddr],
    ) -> Result<(), CoreError> {
        let addresses: Vec<RawAddress> = addresses.iter().copied().map(RawAddress::from).collect();
        self.call(now, |core, times| {
            // SAFETY: the node is alive, and there are as many addresses as is said.
            unsafe { natbed_core_bootstrap(core, times, addresses.as_ptr(), addresses.len()) }
        })
    }

    pub(crate) fn connectivity_changed(&mut self, now: SimTime) -> Result<(), CoreError> {
        self.call(now, |core, times| {
            // SAFETY: the node is alive.
            unsafe { natbed_core_connectivity_changed(core, times) }
        })
    }

    pub(crate) fn get(
        &mut self,
        now: SimTime,
        key: &[u8; 20],
        operation: u64,
    ) -> Result<(), CoreError> {
        self.call(now, |core, times| {
            // SAFETY: the node is alive, and the key is there.
            unsafe { natbed_core_get(core, times, key, operation) }
        })
    }

    /// Returns the identifier of the value.
    pub(crate) fn put(
        &mut self,
        now: SimTime,
        key: &[u8; 20],
        operation: u64,
        packed: &[u8],
        is_permanent: bool,
    ) -> Result<u64, CoreError> {
        let mut value = 0;
        self.call(now, |core, times| {
            let (data, length) = (packed.as_ptr(), packed.len());
            let permanent = c_int::from(is_permanent);
            // SAFETY: the node is alive, and the pointers are to live values.
            unsafe {
                natbed_core_put(
                    core,
                    times,
                    key,
                    operation,
                    data,
                    length,
                    permanent,
                    &raw mut value,
                )
            }
        })?;
        Ok(value)
    }

    /// Returns what to cancel it by.
    pub(crate) fn listen(
        &mut self,
        now: SimTime,
        key: &[u8; 20],
        operation: u64,
    ) -> Result<u64, CoreError> {
        let mut token = 0;
        self.call(now, |core, times| {
            // SAFETY: the node is alive, and the pointers are to live values.
            unsafe { natbed_core_listen(core, times, key, operation, &raw mut token) }
        })?;
        Ok(token)
    }

    pub(crate) fn cancel_put(
        &mut self,
        now: SimTime,
        key: &[u8; 20],
        value: u64,
    ) -> Result<(), CoreError> {
        self.call(now, |core, times| {
            // SAFETY: the node is alive, and the key is there.
            unsafe { natbed_core_cancel_put(core, times, key, value) }
        })
    }

    pub(crate) fn cancel_listen(
        &mut self,
        now: SimTime,
        key: &[u8; 20],
        token: u64,
    ) -> Result<(), CoreError> {
        self.call(now, |core, times| {
            // SAFETY: the node is alive, and the key is there.
            unsafe { natbed_core_cancel_listen(core, times, key, token) }
        })
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<(SocketAddr, Bytes)> {
        let mut to = RawAddress { ip: [0; 16], port: 0, is_ipv6: 0 };
        let (mut data, mut length) = (ptr::null(), 0);
        // SAFETY: the node is alive, and the pointers are to live values.
        let is_there = unsafe {
            let core = self.raw.as_ptr();
            natbed_core_poll_transmit(core, &raw mut to, &raw mut data, &raw mut length)
        };
        if is_there == 0 {
            return None;
        }
        // SAFETY: the bytes are valid until the next call, which cannot be before this one ends.
        Some((to.into(), unsafe { copy(data, length) }))
    }

    pub(crate) fn poll_event(&mut self) -> Option<Told> {
        let (data, length) = (ptr::null(), 0);
        let mut event = RawEvent { kind: 0, is_ok: 0, operation: 0, value: 0, data, length };
        // SAFETY: the node is alive, and the pointer is to a live value.
        if unsafe { natbed_core_poll_event(self.raw.as_ptr(), &raw mut event) } == 0 {
            return None;
        }
        let RawEvent { operation, value, data, length, .. } = event;
        Some(match event.kind {
            // SAFETY: the bytes are valid until the next call, which cannot be before this one ends.
            1 => Told::Value(operation, unsafe { copy(data, length) }),
            2 => Told::Gone(operation, value),
            _ => Told::Finished(operation, event.is_ok != 0),
        })
    }

    /// Returns 0 for disconnected, 1 for connecting, 2 for connected.
    pub(crate) fn status(&self) -> c_int {
        // SAFETY: the node is alive.
        unsafe { natbed_core_status(self.raw.as_ptr()) }
    }

    /// Returns how many datagrams were kept from it because what it does with them is undefined.
    pub(crate) fn undefined(&self) -> u64 {
        // SAFETY: the node is alive.
        unsafe { natbed_core_undefined(self.raw.as_ptr()) }
    }

    /// Returns how many bytes of memory it has come to use.
    pub(crate) fn memory(&self) -> usize {
        // SAFETY: the node is alive.
        unsafe { natbed_core_memory(self.raw.as_ptr()) }
    }

    /// Returns how many nodes of its tables are good, and how many doubtful.
    pub(crate) fn known(&mut self, now: SimTime) -> Result<(u32, u32), CoreError> {
        let (mut good, mut doubtful) = (0, 0);
        self.call(now, |core, times| {
            // SAFETY: the node is alive, and the pointers are to live values.
            unsafe { natbed_core_known(core, times, &raw mut good, &raw mut doubtful) }
        })?;
        Ok((good, doubtful))
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // SAFETY: the node is alive, and nobody has it any more.
        unsafe { natbed_core_free(self.raw.as_ptr()) }
    }
}

/// # Safety
///
/// `data` points to `length` bytes, or is null if there are none.
unsafe fn copy(data: *const u8, length: usize) -> Bytes {
    if length == 0 {
        return Bytes::new();
    }
    // SAFETY: the caller vouches for the bytes.
    Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts(data, length) })
}
