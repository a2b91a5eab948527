//! Payload over ICE sessions: what a datagram costs, and how fast many calls at once go.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use natbed_nat::Mapping;
use natbed_network::observe::PayloadTag;
use natbed_peer::{
    Channel, IceAgent, IceServers, Role, STUN_PORT, TurnServer, TurnServerAccess, VnetHost,
    WebrtcAgent,
};
use natbed_runtime::{Handle, Host, Limits, World, run_on_fresh_thread, thread_cpu_time};
use natbed_units::{Seed, SimDuration};
use tokio::task::JoinHandle;

use super::topology::{Homes, PAYLOAD_BYTES, homes};

const USER: &str = "natbed";
const PASSWORD: &str = "secret";

/// How long after the last one was sent datagrams are waited for: longer than any way through the
/// network.
const PATIENCE: SimDuration = SimDuration::from_millis(200);

/// CPU time of `datagrams` one way through a connected session, `burst` of them in each instant;
/// connecting and closing do not count.
///
/// With NATs that map by address and port only the relay is left; with NATs that map independently
/// of the endpoint the pair is direct.
pub(super) fn ice_datagrams(
    mapping: Mapping,
    datagrams: u64,
    burst: u64,
) -> anyhow::Result<Duration> {
    run_on_fresh_thread(Seed::new(1), || {
        run_calls(1, mapping, async move |handle: Handle, calls: Vec<Call>| {
            let start = thread_cpu_time();
            for [from, to] in &calls {
                // Slow enough that few are on their way at once, as in a call.
                let load = Load {
                    tag: PayloadTag::new(0),
                    bursts: datagrams / burst,
                    burst,
                    interval: SimDuration::from_nanos(1_000_037) * burst,
                };
                let arrived = load.run(&handle, from, to, SimDuration::ZERO).await??;
                ensure!(arrived == load.count(), "{arrived} of {} arrived", load.count());
            }
            Ok(thread_cpu_time() - start)
        })
    })?
}

/// Virtual time per CPU time of a run of `calls` relayed calls, each of which connects and then
/// sends `rate` bits of payload per second in each direction for `span`.
///
/// Everything counts, from building the network to the end of the last agent.
pub(super) fn relayed_calls_speedup(
    calls: u32,
    rate: u64,
    span: SimDuration,
) -> anyhow::Result<f64> {
    const NANOS_PER_SECOND: u64 = 1_000_000_000;
    let payload_bits = PAYLOAD_BYTES as u64 * 8;
    let interval = SimDuration::from_nanos(payload_bits * NANOS_PER_SECOND / rate);
    let bursts = span.as_nanos() / interval.as_nanos();
    run_on_fresh_thread(Seed::new(1), || {
        let start = thread_cpu_time();
        let mapping = Mapping::AddressAndPortDependent;
        let ended = run_calls(calls, mapping, async move |handle: Handle, calls: Vec<Call>| {
            let directions = 2 * calls.len() as u64;
            let mut loads = Vec::new();
            for (number, [a, b]) in (0_u32..).zip(&calls) {
                for (from, to) in [(a, b), (b, a)] {
                    let load = Load { tag: PayloadTag::new(number), bursts, burst: 1, interval };
                    // Spread out, as calls are that know nothing of each other.
                    let phase = interval / directions * loads.len() as u64;
                    loads.push(load.run(&handle, from, to, phase));
                }
            }
            for load in loads {
                let arrived = load.await??;
                ensure!(arrived == bursts, "{arrived} of {bursts} arrived");
            }
            Ok(handle.now())
        })?;
        let spent = thread_cpu_time() - start;
        Ok(Duration::from(ended.since_start()).as_secs_f64() / spent.as_secs_f64())
    })?
}

/// What one side of a call sends.
#[derive(Clone, Copy)]
struct Load {
    tag: PayloadTag,
    bursts: u64,
    /// Datagrams in each instant.
    burst: u64,
    interval: SimDuration,
}

impl Load {
    fn count(&self) -> u64 {
        self.bursts * self.burst
    }

    /// Starts to send `phase` from now; the task returns how many arrived.
    fn run(
        self,
        handle: &Handle,
        from: &Arc<dyn Channel>,
        to: &Arc<dyn Channel>,
        phase: SimDuration,
    ) -> JoinHandle<anyhow::Result<u64>> {
        let (clock, from, to) = (handle.clone(), Arc::clone(from), Arc::clone(to));
        let expected = self.count();
        let arriving = handle.spawn(async move {
            let mut buffer = [0; PAYLOAD_BYTES];
            for _ in 0..expected {
                to.receive(&mut buffer).await?;
            }
            anyhow::Ok(())
        });
        handle.spawn(async move {
            clock.sleep(phase).await;
            let mut payload = [7; PAYLOAD_BYTES];
            payload[..8].copy_from_slice(self.tag.as_bytes());
            for _ in 0..self.bursts {
                for _ in 0..self.burst {
                    from.send(&payload).await?;
                }
                clock.sleep(self.interval).await;
            }
            let late = clock.sleep(PATIENCE);
            tokio::select! { biased;
                result = arriving => result??,
                () = late => anyhow::bail!("datagrams were lost"),
            }
            Ok(expected)
        })
    }
}

/// The two ends of a connected pair.
type Call = [Arc<dyn Channel>; 2];

/// Connects `count` calls over one server, hands them to `load`, and closes them; returns what
/// `load` does.
fn run_calls<T: Send + 'static, F>(
    count: u32,
    mapping: Mapping,
    load: impl FnOnce(Handle, Vec<Call>) -> F + Send + 'static,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>> + Send + 'static,
{
    let Homes { network, server, pairs } = homes(count, mapping)?;
    let limits = Limits { horizon: Limits::HORIZON_MAX, events: u64::MAX, ..Limits::default() };
    let mut world = World::new(network, Seed::new(1), limits);
    let (handle, server) = (world.handle(), world.host(server));
    let pairs: Vec<_> = pairs.into_iter().map(|pair| pair.map(|host| world.host(host))).collect();
    let finished = world.run_async(async move {
        let users = [(USER.to_owned(), PASSWORD.to_owned())];
        let running = TurnServer::start(&server, &users).await?;
        let address = server.addresses().first().copied().context("the server has no address")?;
        let access = TurnServerAccess {
            address: SocketAddr::new(address, STUN_PORT),
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
        };
        let servers = IceServers { stun: Vec::new(), turn: vec![access] };
        let mut connecting = Vec::new();
        for pair in pairs {
            let (handle_of_pair, servers) = (handle.clone(), servers.clone());
            let connected = async move { connect(&handle_of_pair, pair, &servers).await };
            connecting.push(handle.spawn(connected));
        }
        let (mut ends, mut calls) = (Vec::new(), Vec::new());
        for connected in connecting {
            let (end, call) = connected.await??;
            ends.push(end);
            calls.push(call);
        }
        let result = load(handle, calls).await?;
        for (vnets, agents) in ends {
            for agent in agents {
                agent.close().await;
            }
            for vnet in vnets {
                vnet.close().await;
            }
        }
        running.close().await;
        anyhow::Ok(result)
    })?;
    finished.output.context("the run ended before its load")?
}

/// What has to be closed of a pair.
type Stacks = ([VnetHost; 2], [WebrtcAgent; 2]);

/// Connects one pair; the first controls.
async fn connect(
    handle: &Handle,
    [a, b]: [Host; 2],
    servers: &IceServers,
) -> anyhow::Result<(Stacks, Call)> {
    let vnets = [VnetHost::new(handle, a).await?, VnetHost::new(handle, b).await?];
    let agents = [
        WebrtcAgent::new(handle, &vnets[0], servers).await?,
        WebrtcAgent::new(handle, &vnets[1], servers).await?,
    ];
    let [a, b] = &agents;
    let (description_a, description_b) = tokio::try_join!(a.gather(), b.gather())?;
    let (channel_a, channel_b) = tokio::try_join!(
        a.connect(Role::Controlling, &description_b),
        b.connect(Role::Controlled, &description_a),
    )?;
    Ok(((vnets, agents), [channel_a, channel_b]))
}
