//! The libc calls that simulation threads see differently, and their real versions.
//!
//! The functions with C names below take the place of libc's in the executable that links this
//! crate: the linker prefers a definition in the program to one in a shared library, for calls
//! bound at link time and for symbols looked up with `dlsym`. On a thread that runs no simulation
//! they pass everything on. `self_check.rs` proves at start-up that the linker did so.
//!
//! This is the only file of the crate with `unsafe` code.

use std::ffi::{CStr, c_int, c_long, c_uint, c_void};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use crate::simulated::{self, Clock};

type ClockGettime = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> c_int;
type Getrandom = unsafe extern "C" fn(*mut c_void, libc::size_t, c_uint) -> libc::ssize_t;
/// As the function is, not as it is declared: see [`syscall`].
type Syscall =
    unsafe extern "C" fn(c_long, c_long, c_long, c_long, c_long, c_long, c_long) -> c_long;

static REAL_CLOCK_GETTIME: NextSymbol = NextSymbol::new(c"clock_gettime");
static REAL_GETRANDOM: NextSymbol = NextSymbol::new(c"getrandom");
static REAL_SYSCALL: NextSymbol = NextSymbol::new(c"syscall");

/// A symbol as the libraries after this program define it, looked up once.
struct NextSymbol {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl NextSymbol {
    const fn new(name: &'static CStr) -> Self {
        Self { name, address: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Returns the address, null if no library defines the symbol (a static executable).
    fn address(&self) -> *mut c_void {
        let known = self.address.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: `name` ends in a zero byte. Threads that race here find the same address.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.address.store(found, Ordering::Relaxed);
        found
    }
}

/// # Safety
///
/// As for `clock_gettime(2)`: `out` is null or points to writable memory.
unsafe fn real_clock_gettime(clock: libc::clockid_t, out: *mut libc::timespec) -> c_int {
    let address = REAL_CLOCK_GETTIME.address();
    if address.is_null() {
        // SAFETY: the system call has the contract of the function, which the caller keeps.
        return unsafe { libc::syscall(libc::SYS_clock_gettime, clock, out) } as c_int;
    }
    // SAFETY: libc's symbol of this name is a function of this type.
    let function = unsafe { mem::transmute::<*mut c_void, ClockGettime>(address) };
    // SAFETY: the caller keeps the contract of the function.
    unsafe { function(clock, out) }
}

/// # Safety
///
/// As for `getrandom(2)`: `buffer` points to `length` writable bytes.
unsafe fn real_getrandom(buffer: *mut c_void, length: usize, flags: c_uint) -> libc::ssize_t {
    let address = REAL_GETRANDOM.address();
    if address.is_null() {
        // SAFETY: the system call has the contract of the function, which the caller keeps.
        return unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) }
            as libc::ssize_t;
    }
    // SAFETY: libc's symbol of this name is a function of this type.
    let function = unsafe { mem::transmute::<*mut c_void, Getrandom>(address) };
    // SAFETY: the caller keeps the contract of the function.
    unsafe { function(buffer, length, flags) }
}

fn timespec(nanos: u64) -> libc::timespec {
    libc::timespec {
        tv_sec: (nanos / 1_000_000_000) as libc::time_t,
        tv_nsec: (nanos % 1_000_000_000) as c_long,
    }
}

const ZERO: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 0 };

/// `clock_gettime(2)`, virtual on simulation threads but for the CPU-time clocks.
///
/// # Safety
///
/// `out` is null or points to writable memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, out: *mut libc::timespec) -> c_int {
    let kind = match clock {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_TAI => Some(Clock::Wall),
        libc::CLOCK_MONOTONIC
        | libc::CLOCK_MONOTONIC_RAW
        | libc::CLOCK_MONOTONIC_COARSE
        | libc::CLOCK_BOOTTIME => Some(Clock::Monotonic),
        _ => None,
    };
    match kind.and_then(simulated::clock_nanos) {
        Some(nanos) if !out.is_null() => {
            // SAFETY: not null, so the caller vouches for it.
            unsafe { out.write(timespec(nanos)) };
            0
        }
        // SAFETY: the caller keeps the contract.
        _ => unsafe { real_clock_gettime(clock, out) },
    }
}

/// `gettimeofday(2)`; the obsolete time zone is not filled in, as on Linux without one set.
///
/// # Safety
///
/// `out` is null or points to writable memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(out: *mut libc::timeval, _zone: *mut c_void) -> c_int {
    let mut now = ZERO;
    // SAFETY: `now` is writable.
    let result = unsafe { clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    if !out.is_null() {
        let tv_usec = (now.tv_nsec / 1_000) as libc::suseconds_t;
        // SAFETY: not null, so the caller vouches for it.
        unsafe { out.write(libc::timeval { tv_sec: now.tv_sec, tv_usec }) };
    }
    result
}

/// `time(2)`.
///
/// # Safety
///
/// `out` is null or points to writable memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn time(out: *mut libc::time_t) -> libc::time_t {
    let mut now = ZERO;
    // SAFETY: `now` is writable.
    unsafe { clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    if !out.is_null() {
        // SAFETY: not null, so the caller vouches for it.
        unsafe { out.write(now.tv_sec) };
    }
    now.tv_sec
}

/// `getrandom(2)`, seeded on simulation threads.
///
/// Asking for no bytes succeeds there as well: that is how libraries probe for the call.
///
/// # Safety
///
/// `buffer` points to `length` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(
    buffer: *mut c_void,
    length: libc::size_t,
    flags: c_uint,
) -> libc::ssize_t {
    if !simulated::is_simulated() {
        // SAFETY: the caller keeps the contract.
        return unsafe { real_getrandom(buffer, length, flags) };
    }
    if length > 0 {
        // SAFETY: the caller vouches for `length` writable bytes; they may be uninitialized, so
        // they are written before a reference to them exists.
        let bytes = unsafe {
            ptr::write_bytes(buffer.cast::<u8>(), 0, length);
            std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length)
        };
        simulated::fill_entropy(bytes);
    }
    length as libc::ssize_t
}

/// `getentropy(3)`, seeded on simulation threads.
///
/// # Safety
///
/// `buffer` points to `length` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getentropy(buffer: *mut c_void, length: libc::size_t) -> c_int {
    let mut filled = 0;
    while filled < length && length <= 256 {
        // SAFETY: `filled < length`, so the rest lies within the caller's bytes.
        let got = unsafe { getrandom(buffer.cast::<u8>().add(filled).cast(), length - filled, 0) };
        match usize::try_from(got) {
            Ok(got) => filled += got,
            // `getrandom` has set `errno`; an interrupted call is taken up again.
            Err(_) if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {
            }
            Err(_) => return -1,
        }
    }
    if filled == length {
        return 0;
    }
    // SAFETY: libc returns the address of this thread's own `errno`.
    unsafe { *libc::__errno_location() = libc::EIO };
    -1
}

/// `syscall(2)`, which is `getrandom(2)` if that is asked for: so does version 0.2 of the `getrandom`
/// crate, and with it ring. All other calls go on to the kernel.
///
/// C declares it with any number of arguments, of which it takes six: arguments of the size of a
/// register are passed alike either way on x86-64 (System V) and 64-bit Arm (AAPCS64), and those
/// that were not given are not looked at, as in libc's own function.
///
/// # Safety
///
/// As for the system call.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    if number == libc::SYS_getrandom && simulated::is_simulated() {
        // SAFETY: the caller keeps the contract of the call.
        return unsafe { getrandom(a as *mut c_void, b as libc::size_t, c as c_uint) } as c_long;
    }
    let address = REAL_SYSCALL.address();
    if address.is_null() {
        // SAFETY: libc returns the address of this thread's own `errno`.
        unsafe { *libc::__errno_location() = libc::ENOSYS };
        return -1;
    }
    // SAFETY: libc's symbol of this name is a function of this type, as explained above.
    let function = unsafe { mem::transmute::<*mut c_void, Syscall>(address) };
    // SAFETY: the caller keeps the contract of the call.
    unsafe { function(number, a, b, c, d, e, f) }
}

fn real_clock(clock: libc::clockid_t) -> Duration {
    let mut now = ZERO;
    // SAFETY: `now` is writable. The clocks asked for exist on every Linux, so the call succeeds.
    unsafe { real_clock_gettime(clock, &raw mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Returns the CPU time that this thread has used, on simulation threads as well.
///
/// For measuring what a run costs (`CLOCK_THREAD_CPUTIME_ID`).
#[must_use]
pub fn thread_cpu_time() -> Duration {
    real_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Returns the real time since an arbitrary instant, on simulation threads as well.
///
/// For progress display and benchmarks (`CLOCK_MONOTONIC`); nothing inside a run may depend on it.
#[must_use]
pub fn real_monotonic_time() -> Duration {
    real_clock(libc::CLOCK_MONOTONIC)
}

/// What the self-check needs of libc, called the way foreign code calls it.
pub(crate) mod probe {
    use super::*;

    /// Returns the names of the functions for which `dlsym` does not find the ones of this file.
    pub(crate) fn symbols_not_taken_over() -> Vec<&'static str> {
        let ours: [(&'static CStr, *const c_void); 6] = [
            (c"clock_gettime", clock_gettime as *const c_void),
            (c"gettimeofday", gettimeofday as *const c_void),
            (c"time", time as *const c_void),
            (c"getrandom", getrandom as *const c_void),
            (c"getentropy", getentropy as *const c_void),
            (c"syscall", syscall as *const c_void),
        ];
        ours.into_iter()
            .filter(|(name, ours)| {
                // SAFETY: the name ends in a zero byte.
                let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
                found.cast_const() != *ours
            })
            .map(|(name, _)| name.to_str().unwrap_or("?"))
            .collect()
    }

    /// Calls libc's `time`.
    pub(crate) fn libc_time() -> i64 {
        // SAFETY: null is allowed.
        unsafe { libc::time(ptr::null_mut()) }
    }

    /// Calls libc's `gettimeofday`; microseconds of Unix time.
    pub(crate) fn libc_gettimeofday() -> i64 {
        let mut now = libc::timeval { tv_sec: 0, tv_usec: 0 };
        // SAFETY: `now` is writable, and the zone may be null.
        unsafe { libc::gettimeofday(&raw mut now, ptr::null_mut()) };
        now.tv_sec * 1_000_000 + now.tv_usec
    }

    /// Where entropy comes from.
    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Source {
        Getrandom,
        Getentropy,
        Syscall,
    }

    /// Calls a function of libc that gives entropy; `None` if it fails.
    pub(crate) fn libc_entropy<const N: usize>(source: Source) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let buffer: *mut c_void = bytes.as_mut_ptr().cast();
        // SAFETY: `buffer` points to `N` writable bytes.
        let is_filled = unsafe {
            match source {
                Source::Getrandom => libc::getrandom(buffer, N, 0) == N as libc::ssize_t,
                Source::Getentropy => libc::getentropy(buffer, N) == 0,
                Source::Syscall => libc::syscall(libc::SYS_getrandom, buffer, N, 0) == N as c_long,
            }
        };
        is_filled.then_some(bytes)
    }

    /// Asks the kernel itself for the Unix time.
    pub(crate) fn kernel_unix_time() -> Duration {
        let mut now = ZERO;
        // SAFETY: `now` is writable.
        unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_REALTIME, &raw mut now) };
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    }
}
