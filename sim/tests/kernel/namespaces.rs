//! A sender, a router and a receiver in network namespaces.

use std::process::{Command, Stdio};

use crate::Case;
use crate::roles::{self, Role};

/// Addresses of the router toward the sender, of the sender, of the router toward the receiver, and
/// of the receiver.
const INSIDE: &str = "10.11.0.1";
const SENDER: &str = "10.11.0.2";
const OUTSIDE: &str = "10.12.0.1";
const RECEIVER: &str = "10.12.0.2";

/// Three namespaces that belong to this process; dropping it removes them.
pub(crate) struct Namespaces {
    sender: String,
    router: String,
    receiver: String,
}

impl Namespaces {
    /// Says why namespaces cannot be made, if so.
    pub(crate) fn check() -> Result<(), String> {
        for (program, argument) in [("ip", "-V"), ("tc", "-V"), ("nft", "-v")] {
            let ran = Command::new(program).arg(argument).stdout(Stdio::null()).status();
            if !ran.is_ok_and(|status| status.success()) {
                return Err(format!("{program} does not run"));
            }
        }
        let probe = format!("natbed-{}-probe", std::process::id());
        try_run("ip", &["netns", "add", &probe])
            .map_err(|error| format!("no network namespace can be made: {error}"))?;
        try_run("ip", &["netns", "del", &probe])
    }

    /// Makes the network of `case`.
    pub(crate) fn new(case: Case) -> Self {
        let name = |role: &str| format!("natbed-{}-{role}", std::process::id());
        let made =
            Self { sender: name("sender"), router: name("router"), receiver: name("receiver") };
        for namespace in made.names() {
            // Left behind by another process of the same number.
            let _ = try_run("ip", &["netns", "del", namespace]);
            run("ip", &["netns", "add", namespace]);
        }
        made.join(&made.sender, SENDER, INSIDE, "lan");
        made.join(&made.receiver, RECEIVER, OUTSIDE, "wan");
        // What a host does not leave to the kernel's defaults, it says with its route: which
        // congestion control it uses, and how large a window it grants.
        let window = case.window.to_string();
        let out = ["route", "add", "default", "via", INSIDE, "congctl", "cubic"];
        run("ip", &[&["-n", made.sender.as_str()], &out[..]].concat());
        let back = ["route", "add", "default", "via", OUTSIDE, "window", &window];
        run("ip", &[&["-n", made.receiver.as_str()], &back[..]].concat());
        let forward = "echo 1 >/proc/sys/net/ipv4/ip_forward";
        inside(&made.router, &["sh", "-c", forward]);
        if case.nat {
            let chain = "{ type nat hook postrouting priority 100 ; }";
            inside(&made.router, &["nft", "add", "table", "ip", "nat"]);
            inside(&made.router, &["nft", "add", "chain", "ip", "nat", "out", chain]);
            let rule = ["nft", "add", "rule", "ip", "nat", "out", "oifname", "wan", "masquerade"];
            inside(&made.router, &rule);
        }
        let (rate, burst) = (format!("{}mbit", case.mbit), case.burst.to_string());
        let limit = case.limit.to_string();
        let bucket = ["tbf", "rate", &rate, "burst", &burst, "limit", &limit];
        let device = ["-n", &made.router, "qdisc", "add", "dev", "wan", "root"];
        run("tc", &[&device[..], &bucket[..]].concat());
        made
    }

    fn names(&self) -> [&String; 3] {
        [&self.sender, &self.router, &self.receiver]
    }

    /// Joins a namespace and the router with a pair of devices, whose end at the router is called
    /// `name`; packets travel one by one, as they do on a wire.
    fn join(&self, namespace: &str, address: &str, router_address: &str, name: &str) {
        let (here, there) = (namespace, self.router.as_str());
        let pair = ["type", "veth", "peer", "name", name, "netns", there];
        run("ip", &[&["link", "add", "eth", "netns", here], &pair[..]].concat());
        for (at, device, address) in [(here, "eth", address), (there, name, router_address)] {
            let address = format!("{address}/24");
            run("ip", &["-n", at, "addr", "add", &address, "dev", device]);
            run("ip", &["-n", at, "link", "set", device, "gso_max_segs", "1", "up"]);
        }
    }

    /// Makes the transfer and returns its goodput in bits per second.
    pub(crate) fn transfer(&self, case: Case) -> f64 {
        let bytes = case.bytes();
        let mut receiver = roles::start(&self.receiver, Role::Receive, RECEIVER, bytes);
        roles::wait_until_ready(&mut receiver);
        let sender = roles::start(&self.sender, Role::Send, RECEIVER, bytes);
        let goodput = roles::goodput(receiver);
        roles::finish(sender);
        goodput
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for namespace in self.names() {
            let _ = try_run("ip", &["netns", "del", namespace]);
        }
    }
}

/// Runs a program inside of a namespace.
fn inside(namespace: &str, command: &[&str]) {
    run("ip", &[&["netns", "exec", namespace], command].concat());
}

fn run(program: &str, arguments: &[&str]) {
    if let Err(error) = try_run(program, arguments) {
        panic!("{error}");
    }
}

fn try_run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {}", arguments.join(" "), error.trim()))
}
