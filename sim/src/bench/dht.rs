//! Nodes of the DHT: a large swarm, and one call through a small one.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use natbed_dht::Status;
use natbed_network::{
    Attachment, HostConfig, InterfaceConfig, InternetConfig, Limits as NetworkLimits, LinkConfig,
    Network, PipeConfig,
};
use natbed_peer::{DHT_PORT, DhtProcess};
use natbed_runtime::{World, run_on_fresh_thread, thread_cpu_time};
use natbed_units::{Seed, SimDuration, SimTime};

use super::hosts::unlimited;
use crate::run::run;

const SEED: Seed = Seed::new(1);

/// CPU time of a swarm whose `nodes` begin at once from one host, for `span`.
pub(super) fn cold_swarm(nodes: u16, span: SimDuration) -> anyhow::Result<Duration> {
    run_on_fresh_thread(SEED, || {
        let start = thread_cpu_time();
        let mut network = Network::new(SEED, NetworkLimits::default(), ());
        network.set_internet(InternetConfig { delay: SimDuration::from_millis(20) });
        let address = |n: u16| std::net::IpAddr::from([198, 19, (n >> 8) as u8, n as u8]);
        let mut hosts = Vec::new();
        for number in 1..=nodes {
            let link = LinkConfig::symmetric(PipeConfig::with_delay(SimDuration::from_millis(5)));
            let attachment = Attachment::Internet;
            let interface = InterfaceConfig { address: address(number), attachment, link };
            let (name, interfaces) = (format!("node-{number}"), vec![interface]);
            hosts.push(network.add_host(HostConfig { name, interfaces, firewall: None })?);
        }
        let mut world = World::new(network, SEED, unlimited());
        for (number, host) in hosts.iter().enumerate() {
            let config = natbed_dht::NodeConfig {
                bootstrap: match number {
                    0 => Vec::new(),
                    _ => vec![(address(1), DHT_PORT).into()],
                },
                has_ipv6: false,
                ..natbed_dht::NodeConfig::default()
            };
            let seed = SEED.derive(&number.to_string());
            world.set_process(*host, DhtProcess::new(config, Vec::new(), seed));
        }
        world.run_until(SimTime::ZERO + span);
        let is_connected = |host: &&natbed_network::HostId| {
            let process = world.process::<DhtProcess>(**host);
            process.is_some_and(|process| process.status() == Status::Connected)
        };
        let connected = hosts.iter().filter(is_connected).count();
        ensure!(connected == hosts.len(), "{connected} of {nodes} nodes are connected");
        anyhow::Ok(thread_cpu_time() - start)
    })?
}

/// CPU time of one call through a settled swarm of 64 nodes, from building the network to the last
/// task's end: two NATs, the nodes of both, offer and answer, ICE, ten echoes, closing.
pub(super) fn call() -> anyhow::Result<Duration> {
    let text = include_str!("../../../scenarios/discovery/nat-classes.yaml");
    let source = natbed_scenario::Source { name: "nat-classes.yaml".into(), text: text.into() };
    let document = natbed_scenario::load(source)
        .map_err(|diagnostics| anyhow::anyhow!("{}", diagnostics.render(false)))?;
    let is_wanted = |case: &usize| document.labels(*case).iter().all(|(_, l)| l == "EIM/APDF");
    let case = (0..document.case_count()).find(is_wanted).context("there is no EIM/APDF pair")?;
    let scenario = document.case(case).scenario;
    run_on_fresh_thread(SEED, || {
        let start = thread_cpu_time();
        let output = run(&scenario, SEED, None)?;
        let spent = thread_cpu_time() - start;
        let connected = output.sessions.iter().flatten().all(|s| s.connected().is_some());
        ensure!(connected, "the call did not connect");
        anyhow::Ok(spent)
    })?
}
