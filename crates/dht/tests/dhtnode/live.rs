//! A node of ours on a real socket, and OpenDHT's `dhtnode` beside it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // real time is what this is about

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use natbed_dht::{Event, Generation, Node, NodeConfig};
use natbed_units::{Seed, SimTime};

/// Says whether `dhtnode` can be run; panics if it cannot although it must.
pub(crate) fn dhtnode_is_there() -> bool {
    let found = Command::new("dhtnode")
        .arg("-h")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .status();
    let is_there = found.is_ok();
    let is_required = std::env::var("NATBED_REQUIRE_PEERS").is_ok_and(|value| value == "1");
    assert!(is_there || !is_required, "dhtnode is not there: install Debian's package dhtnode");
    if !is_there {
        eprintln!("skipped: dhtnode is not there (Debian's package dhtnode)");
    }
    is_there
}

/// OpenDHT's own node, which is told what to do on its standard input.
pub(crate) struct Dhtnode {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    seen: String,
    port: u16,
}

impl Dhtnode {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        // A port that was free a moment ago.
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new("dhtnode")
            .args(["-p", &port.to_string()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut dhtnode = Self { child, stdin, lines, seen: String::new(), port };
        dhtnode.until(Duration::from_secs(40), "running on port");
        dhtnode
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub(crate) fn command(&mut self, command: &str) {
        writeln!(self.stdin, "{command}").unwrap();
        self.stdin.flush().unwrap();
    }

    /// Reads what it prints within some time.
    pub(crate) fn read_for(&mut self, span: Duration) {
        let end = Instant::now() + span;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.seen += &format!("{line}\n");
        }
    }

    /// Says whether it has printed something with `text` in it.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.seen.contains(text)
    }

    /// Waits until it has printed something with `text` in it.
    pub(crate) fn until(&mut self, patience: Duration, text: &str) {
        let end = Instant::now() + patience;
        while !self.seen.contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.seen += &format!("{line}\n"),
                Err(_) => panic!("no {text:?} in what dhtnode printed:\n{}", self.seen),
            }
        }
    }
}

impl Drop for Dhtnode {
    fn drop(&mut self) {
        // It may have ended by itself; nothing more can be done then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A node of ours in real time.
pub(crate) struct Live {
    pub(crate) node: Node,
    socket: UdpSocket,
    began: Instant,
    events: Vec<Event>,
}

impl Live {
    pub(crate) fn start(bootstrap: Vec<SocketAddr>) -> Self {
        Self::start_as(bootstrap, Generation::default())
    }

    pub(crate) fn start_as(bootstrap: Vec<SocketAddr>, generation: Generation) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let config = NodeConfig {
            bootstrap,
            generation,
            has_ipv6: false,
            epoch_unix_seconds: unix.as_secs(),
            ..NodeConfig::default()
        };
        let port = socket.local_addr().unwrap().port();
        let node = Node::new(SimTime::ZERO, config, Seed::new(port.into()));
        Self { node, socket, began: Instant::now(), events: Vec::new() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    pub(crate) fn now(&self) -> SimTime {
        SimTime::from_nanos(self.began.elapsed().as_nanos() as u64)
    }

    pub(crate) fn run(&mut self, span: Duration) {
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.turn(end);
        }
    }

    /// Runs until an event `is_wanted`, and returns it.
    pub(crate) fn until(
        &mut self,
        patience: Duration,
        is_wanted: impl Fn(&Event) -> bool,
    ) -> Event {
        let end = Instant::now() + patience;
        loop {
            if let Some(place) = self.events.iter().position(&is_wanted) {
                return self.events.remove(place);
            }
            assert!(Instant::now() < end, "not among the events: {:#?}", self.events);
            self.turn(end);
        }
    }

    /// Sends and takes all there is, without waiting.
    pub(crate) fn turn_at_once(&mut self) {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 65_535];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            let datagram = Bytes::copy_from_slice(&buffer[..length]);
            let now = self.now();
            self.node.handle_datagram(now, from, &datagram);
        }
        let now = self.now();
        if self.node.poll_timeout() <= now {
            self.node.handle_timeout(now);
        }
        while let Some((to, datagram)) = self.node.poll_transmit() {
            self.socket.send_to(&datagram, to).unwrap();
        }
        self.events.extend(std::iter::from_fn(|| self.node.poll_event()));
    }

    /// Sends what there is to send, and waits for a datagram or for the time to go on.
    fn turn(&mut self, end: Instant) {
        while let Some((to, datagram)) = self.node.poll_transmit() {
            self.socket.send_to(&datagram, to).unwrap();
        }
        self.events.extend(std::iter::from_fn(|| self.node.poll_event()));
        let due = self.node.poll_timeout().saturating_since(self.now()).as_nanos();
        let wait = Duration::from_nanos(due).min(end.saturating_duration_since(Instant::now()));
        self.socket.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).unwrap();
        let mut buffer = [0; 65_535];
        match self.socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                let datagram = Bytes::copy_from_slice(&buffer[..length]);
                let now = self.now();
                self.node.handle_datagram(now, from, &datagram);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
        let now = self.now();
        self.node.handle_timeout(now);
    }
}
