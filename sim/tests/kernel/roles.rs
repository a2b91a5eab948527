//! The two ends of a transfer over the kernel's TCP: this program again, as a child inside of a
//! namespace.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Which end a child is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Send,
    Receive,
}

/// Tells a child its role: the test of this name, with the address and the number of bytes in an
/// environment variable.
const PLAN: &str = "NATBED_KERNEL_PLAN";
const PORT: u16 = 5001;
const READY: &str = "natbed-ready";
const RESULT: &str = "natbed-goodput ";
const CHUNK: usize = 64 << 10;
/// When a transfer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The goodput of a transfer of which `arrived` tells how many bytes there were when: over all but
/// the first fifth of `bytes`, in bits per second.
pub(crate) struct Meter {
    bytes: u64,
    arrived: u64,
    /// When the first fifth was there, in seconds, and how much then was.
    from: Option<(f64, u64)>,
    last: f64,
}

impl Meter {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { bytes, arrived: 0, from: None, last: 0.0 }
    }

    /// Counts bytes that have arrived at `now`.
    pub(crate) fn count(&mut self, now: f64, bytes: u64) {
        self.arrived += bytes;
        self.last = now;
        if self.from.is_none() && self.arrived >= self.bytes / 5 {
            self.from = Some((now, self.arrived));
        }
    }

    /// Returns the goodput once all bytes are there.
    pub(crate) fn goodput(&self) -> f64 {
        assert_eq!(self.arrived, self.bytes);
        let (from, before) = self.from.unwrap();
        (self.arrived - before) as f64 * 8.0 / (self.last - from)
    }
}

/// Starts a child in a namespace.
pub(crate) fn start(namespace: &str, role: Role, receiver: &str, bytes: u64) -> Child {
    let test = match role {
        Role::Send => "roles::send",
        Role::Receive => "roles::receive",
    };
    Command::new("ip")
        .args(["netns", "exec", namespace])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(PLAN, format!("{receiver} {bytes}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until a receiver listens.
pub(crate) fn wait_until_ready(receiver: &mut Child) {
    // Read byte by byte: what comes later is for somebody else.
    let output = receiver.stdout.as_mut().unwrap();
    let mut seen = String::new();
    let mut byte = [0];
    while !seen.contains(READY) {
        assert!(output.read(&mut byte).unwrap() == 1, "the receiver has ended: {seen}");
        seen.push(char::from(byte[0]));
    }
}

/// Waits for a receiver's result.
pub(crate) fn goodput(mut receiver: Child) -> f64 {
    let lines = BufReader::new(receiver.stdout.take().unwrap()).lines();
    let mut result = None;
    for line in lines.map(Result::unwrap) {
        result = result.or(line.strip_prefix(RESULT).map(|figure| figure.parse().unwrap()));
    }
    finish(receiver);
    result.unwrap()
}

/// Waits for the end of a child.
pub(crate) fn finish(mut child: Child) {
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

fn plan() -> Option<(String, u64)> {
    let plan = std::env::var(PLAN).ok()?;
    let (receiver, bytes) = plan.split_once(' ')?;
    Some((receiver.to_owned(), bytes.parse().unwrap()))
}

#[test]
#[ignore = "one end of a transfer, started by the other test"]
fn send() {
    let Some((receiver, bytes)) = plan() else { return };
    let mut stream = TcpStream::connect((receiver.as_str(), PORT)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let chunk = [0x5a; CHUNK];
    let mut left = bytes;
    while left > 0 {
        let length = left.min(CHUNK as u64) as usize;
        stream.write_all(&chunk[..length]).unwrap();
        left -= length as u64;
    }
}

#[test]
#[ignore = "one end of a transfer, started by the other test"]
fn receive() {
    let Some((receiver, bytes)) = plan() else { return };
    let listener = TcpListener::bind((receiver.as_str(), PORT)).unwrap();
    println!("\n{READY}");
    std::io::stdout().flush().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let start = Instant::now();
    let mut meter = Meter::new(bytes);
    let mut chunk = [0; CHUNK];
    while let read @ 1.. = stream.read(&mut chunk).unwrap() {
        meter.count(start.elapsed().as_secs_f64(), read as u64);
    }
    println!("\n{RESULT}{}", meter.goodput());
}
