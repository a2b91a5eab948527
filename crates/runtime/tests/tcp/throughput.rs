//! How much goes through: one flow fills a link, several share it, and losses are made good.

use natbed_network::{LinkConfig, PipeConfig};
use natbed_packet::DropReason;
use natbed_runtime::{Congestion, TcpConfig, TcpStatistics};
use natbed_units::{ByteCount, SimDuration, SimTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{
    Ends, Lab, Outcome, SERVER, at, line, ms, nat, pattern, read_all, secs, send_all,
};

const MBIT: u64 = 20;
/// One way; with the rate above, 100 kB are on their way in a round trip.
const DELAY: SimDuration = ms(20);
/// What is payload of a full packet: IPv4 and TCP headers and the timestamp option are not.
const PAYLOAD_SHARE: f64 = 1448.0 / 1500.0;

/// Lets `flows` connections of `config` send from the client as fast as they can and returns what
/// arrived of each from `from` to `to`, in bytes, and what the senders have done.
fn fill(
    lab: Lab,
    flows: usize,
    config: TcpConfig,
    from: SimDuration,
    to: SimDuration,
) -> Outcome<Vec<(u64, TcpStatistics)>> {
    lab.run(move |ends| async move {
        let listener = ends.server().listen_tcp_with(at(SERVER, 80), &config).unwrap();
        let mut readers = Vec::new();
        let mut senders = Vec::new();
        for _ in 0..flows {
            let client = ends.client();
            senders.push(tokio::spawn(async move {
                let connecting = client.connect_tcp_with(None, at(SERVER, 80), &config);
                let mut stream = connecting.await.unwrap();
                let data = vec![0x5a; 64 << 10];
                let _ = tokio::time::timeout(to.into(), async {
                    while stream.write_all(&data).await.is_ok() {}
                })
                .await;
                stream.statistics()
            }));
            let (mut stream, _) = listener.accept().await.unwrap();
            let handle = ends.handle.clone();
            readers.push(tokio::spawn(async move {
                let mut buffer = vec![0; 64 << 10];
                let mut arrived = 0;
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    let now = handle.now().since_start();
                    arrived += if now >= from && now < to { read as u64 } else { 0 };
                }
                arrived
            }));
        }
        let mut results = Vec::new();
        for (reader, sender) in readers.into_iter().zip(senders) {
            let statistics = sender.await.unwrap();
            results.push((reader.await.unwrap(), statistics));
        }
        results
    })
}

fn share_of_payload_rate(bytes: u64, span: SimDuration) -> f64 {
    let seconds = span.as_nanos() as f64 / 1e9;
    bytes as f64 * 8.0 / seconds / (MBIT as f64 * 1e6 * PAYLOAD_SHARE)
}

/// Jain's fairness index: one if all have the same, 1/n if one has it all.
fn jain(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    sum * sum / (shares.len() as f64 * squares)
}

#[test]
fn one_flow_fills_an_idle_link() {
    let config = TcpConfig::with_buffers(ByteCount::new(160 << 10));
    let lab = Lab::line(&line(MBIT, DELAY, 120_000));
    let outcome = fill(lab, 1, config, SimDuration::ZERO, secs(10));
    let (bytes, statistics) = outcome.output[0];
    let share = share_of_payload_rate(bytes, secs(10));
    assert!((0.93..=1.0).contains(&share), "{share} of the payload rate, {statistics:?}");
    assert_eq!(statistics.segments_retransmitted, 0, "{statistics:?}");
    assert!(outcome.dropped.is_empty(), "{:?}", outcome.dropped);
}

#[test]
fn a_window_bounds_what_a_flow_gets() {
    // 32 KiB each round trip of 40 ms and what the line takes for a packet.
    let config = TcpConfig::with_buffers(ByteCount::new(32 << 10));
    let outcome = fill(Lab::line(&line(MBIT, DELAY, 120_000)), 1, config, secs(1), secs(11));
    let rate = outcome.output[0].0 as f64 * 8.0 / 10.0;
    let bound = f64::from(32 << 10) * 8.0 / 0.040;
    assert!(rate < bound && rate > 0.85 * bound, "{rate} of {bound}");
}

#[test]
fn equal_flows_share_a_bottleneck_equally() {
    // Four windows are more than the link holds, and less than the link and its queue.
    let config = TcpConfig::with_buffers(ByteCount::new(64 << 10));
    let lab = Lab::line(&line(MBIT, DELAY, 200_000));
    let outcome = fill(lab, 4, config, SimDuration::ZERO, secs(30));
    let shares: Vec<u64> = outcome.output.iter().map(|(bytes, _)| *bytes).collect();
    let (fairness, used) = (jain(&shares), share_of_payload_rate(shares.iter().sum(), secs(30)));
    assert!(fairness >= 0.95, "{shares:?}: {fairness}");
    assert!(used >= 0.93, "{shares:?}: {used} of the payload rate");
}

#[test]
fn flows_that_overflow_a_queue_share_as_well() {
    // Each window alone is more than the link and its queue hold.
    let buffers = TcpConfig::with_buffers(ByteCount::new(256 << 10));
    for congestion in [Congestion::Cubic, Congestion::Reno] {
        let config = TcpConfig { congestion, ..buffers };
        let lab = Lab::line(&line(MBIT, DELAY, 60_000));
        let outcome = fill(lab, 4, config, SimDuration::ZERO, secs(30));
        let shares: Vec<u64> = outcome.output.iter().map(|(bytes, _)| *bytes).collect();
        let used = share_of_payload_rate(shares.iter().sum(), secs(30));
        assert!(used > 0.85, "{congestion:?}: {used} of the payload rate");
        assert!(jain(&shares) > 0.9, "{congestion:?}: {shares:?}");
        let lost = outcome.dropped[&DropReason::QueueFull];
        let again: u64 = outcome.output.iter().map(|(_, s)| s.segments_retransmitted).sum();
        assert!(lost > 50 && again >= lost, "{congestion:?}: {lost} lost, {again} sent again");
    }
}

/// Sends `length` bytes and returns how long it took until all had arrived.
async fn send_timed(ends: &Ends, length: usize) -> (SimDuration, TcpStatistics) {
    let listener = ends.hosts[1].listen_tcp(0).unwrap();
    let (client, to, handle) = (ends.client(), listener.local_addr(), ends.handle.clone());
    let sender = tokio::spawn(async move {
        let mut stream = client.connect_tcp(to).await.unwrap();
        send_all(&mut stream, &pattern(length)).await.unwrap();
        read_all(&mut stream).await.unwrap();
        stream.statistics()
    });
    let (mut stream, _) = listener.accept().await.unwrap();
    let start = handle.now();
    assert!(read_all(&mut stream).await.unwrap() == pattern(length));
    let took = handle.now().saturating_since(start);
    drop(stream);
    (took, sender.await.unwrap())
}

#[test]
fn a_transfer_survives_an_outage() {
    let lab = Lab::line(&line(MBIT, DELAY, 200_000));
    let link = lab.link(0);
    let outcome = lab.run(move |ends| async move {
        for (at, is_down) in [(300, true), (3_000, false)] {
            ends.remote.at(SimTime::ZERO + ms(at), move |world| {
                world.network_mut().set_link_down(link, is_down);
            });
        }
        send_timed(&ends, 2_000_000).await
    });
    let (took, statistics) = outcome.output;
    // Timeouts after one second and two more, of which the second one comes through; then most of
    // a second of sending, and perhaps one more timeout.
    assert!(took > ms(3_900) && took < ms(6_000), "{took}");
    assert!(outcome.dropped[&DropReason::LinkDown] > 10, "{:?}", outcome.dropped);
    assert!(statistics.bytes_retransmitted > 0, "{statistics:?}");
}

#[test]
fn the_mtu_of_the_own_link_is_known_and_that_of_the_path_is_learnt() {
    let narrow = PipeConfig { mtu: Some(ByteCount::new(1_300)), ..PipeConfig::with_delay(ms(5)) };
    // On the way, behind the router.
    let gateways = [("203.0.113.5", nat("linux-masquerade"), None)];
    let lab =
        Lab::new().behind(&gateways, "10.0.0.9", &narrow).public(&[SERVER], &LinkConfig::IDEAL);
    let outcome = lab.run(|ends| async move {
        let first = send_timed(&ends, 500_000).await;
        (first, send_timed(&ends, 500_000).await)
    });
    let ((first, lost), (second, none)) = outcome.output;
    assert!(outcome.dropped[&DropReason::TooBig] > 0, "{:?}", outcome.dropped);
    assert!(lost.segments_retransmitted > 0 && none.segments_retransmitted == 0);
    // One retransmission timeout.
    assert!(first > secs(1) && first < secs(2), "{first}");
    assert!(second < ms(300), "{second}");

    // At the server: it says so as the connection is made.
    let lab = Lab::new()
        .public(&["198.51.100.1"], &LinkConfig::IDEAL)
        .public(&[SERVER], &LinkConfig::symmetric(narrow));
    let outcome = lab.run(|ends| async move { send_timed(&ends, 500_000).await });
    assert!(outcome.dropped.is_empty() && outcome.output.0 < ms(300), "{:?}", outcome.output);
}
