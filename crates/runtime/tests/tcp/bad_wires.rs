//! Whatever a wire does to packets, the bytes that come out are those that went in.

use natbed_network::{Distribution, Jitter, Loss, PipeConfig};
use natbed_packet::DropReason;
use natbed_units::{Ppm, Seed};

use crate::world::{Lab, SERVER, at, line, ms, pattern, read_all, send_all};

fn ppm(ppm: u32) -> Ppm {
    Ppm::new(ppm).unwrap()
}

/// A wire that loses, repeats, damages and reorders packets.
fn bad(loss: u32) -> PipeConfig {
    let jitter = Jitter {
        spread: ms(2),
        distribution: Distribution::Normal,
        correlation: Ppm::ZERO,
        reorder: true,
    };
    PipeConfig {
        loss: Loss::Independent(ppm(loss)),
        duplicate: ppm(10_000),
        corrupt: ppm(5_000),
        jitter: Some(jitter),
        ..line(20, ms(10), 100_000)
    }
}

#[test]
fn transfers_both_ways_are_whole_at_the_end_of_a_bad_wire() {
    let (mut lost, mut again) = (0, 0);
    for seed in 0..40_u64 {
        let lab =
            Lab::seeded(Seed::new(seed)).between(&bad(if seed % 4 == 0 { 50_000 } else { 5_000 }));
        let outcome = lab.run(|ends| async move {
            let listener = ends.server().listen_tcp(80).unwrap();
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let heard = read_all(&mut stream).await.unwrap();
                send_all(&mut stream, &pattern(150_000)).await.unwrap();
                // The last acknowledgment may be lost, so that the stream must be let go.
                let _ = read_all(&mut stream).await;
                heard == pattern(200_000)
            });
            let mut stream = ends.client().connect_tcp(at(SERVER, 80)).await.unwrap();
            send_all(&mut stream, &pattern(200_000)).await.unwrap();
            let answer = read_all(&mut stream).await.unwrap();
            let statistics = stream.statistics();
            drop(stream);
            (server.await.unwrap(), answer == pattern(150_000), statistics)
        });
        let (heard, answered, statistics) = outcome.output;
        assert!(heard && answered, "seed {seed}: {statistics:?}");
        lost += outcome.dropped.get(&DropReason::LostOnTheWire).copied().unwrap_or(0);
        again += statistics.segments_retransmitted;
    }
    assert!(lost > 100 && again > 100, "{lost} lost, {again} sent again");
}
