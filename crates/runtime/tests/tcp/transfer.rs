//! Bytes go both ways, in order and whole, and streams end as they should.

use natbed_network::LinkConfig;
use natbed_runtime::{TcpConfig, TcpStatistics};
use natbed_units::{ByteCount, SimDuration};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};

use crate::world::{CLIENT, Lab, SERVER, at, line, ms, pattern, read_all, send_all};

#[test]
fn both_sides_send_and_read_to_the_end() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        let listener = ends.server().listen_tcp(80).unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, stream.peer_addr());
            let heard = read_all(&mut stream).await.unwrap();
            send_all(&mut stream, &pattern(700_000)).await.unwrap();
            heard
        });
        let mut stream = ends.client().connect_tcp(at(SERVER, 80)).await.unwrap();
        assert_eq!(stream.local_addr().ip(), at(CLIENT, 0).ip());
        assert_eq!(stream.peer_addr(), at(SERVER, 80));
        send_all(&mut stream, &pattern(1_000_000)).await.unwrap();
        let answer = read_all(&mut stream).await.unwrap();
        (server.await.unwrap(), answer, stream.statistics())
    });
    let (heard, answer, statistics) = outcome.output;
    assert!(heard == pattern(1_000_000) && answer == pattern(700_000));
    assert_eq!((statistics.bytes_written, statistics.bytes_acknowledged), (1_000_000, 1_000_000));
    assert_eq!((statistics.bytes_read, statistics.bytes_received), (700_000, 700_000));
    assert_eq!((statistics.segments_retransmitted, statistics.bytes_retransmitted), (0, 0));
    assert!(outcome.dropped.is_empty(), "{:?}", outcome.dropped);
}

#[test]
fn a_connection_is_made_in_one_round_trip_and_data_takes_half_of_one_more() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        let listener = ends.server().listen_tcp(80).unwrap();
        let handle = ends.handle.clone();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            handle.now()
        });
        let mut stream = ends.client().connect_tcp(at(SERVER, 80)).await.unwrap();
        let connected = ends.handle.now();
        stream.write_all(b"!").await.unwrap();
        (connected, server.await.unwrap())
    });
    let (connected, heard) = outcome.output;
    assert_eq!((connected.since_start(), heard.since_start()), (ms(20), ms(30)));
}

#[test]
fn one_direction_goes_on_after_the_other_has_ended() {
    let outcome = Lab::two(ms(5)).run(|ends| async move {
        let listener = ends.server().listen_tcp(80).unwrap();
        let handle = ends.handle.clone();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_eq!(read_all(&mut stream).await.unwrap(), b"request");
            for part in 0..5_u8 {
                handle.sleep(ms(30_000)).await;
                stream.write_all(&[part]).await.unwrap();
            }
        });
        let mut stream = ends.client().connect_tcp(at(SERVER, 80)).await.unwrap();
        send_all(&mut stream, b"request").await.unwrap();
        let answer = read_all(&mut stream).await.unwrap();
        let late = stream.write(b"more").await;
        server.await.unwrap();
        (answer, late.map_err(|error| error.raw_os_error()))
    });
    assert_eq!(outcome.output, (vec![0, 1, 2, 3, 4], Err(Some(libc::EPIPE))));
}

#[test]
fn tokio_copies_and_splits_streams() {
    let outcome = Lab::two(ms(3)).run(|ends| async move {
        let listener = ends.server().listen_tcp(7).unwrap();
        // An echo server in the words of tokio's documentation.
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (mut reader, mut writer) = split(stream);
            copy(&mut reader, &mut writer).await.unwrap();
            writer.shutdown().await.unwrap();
        });
        let stream = ends.client().connect_tcp(at(SERVER, 7)).await.unwrap();
        let (mut reader, mut writer) = split(stream);
        let sender = tokio::spawn(async move {
            let data = pattern(3_000_000);
            let copied = copy(&mut data.as_slice(), &mut writer).await.unwrap();
            writer.shutdown().await.unwrap();
            copied
        });
        let mut echoed = Vec::new();
        reader.read_to_end(&mut echoed).await.unwrap();
        (sender.await.unwrap(), echoed)
    });
    assert!(outcome.output == (3_000_000, pattern(3_000_000)));
}

#[test]
fn many_connections_at_once_do_not_mix() {
    let outcome = Lab::line(&line(100, ms(5), 1 << 20)).run(|ends| async move {
        let listener = ends.server().listen_tcp(80).unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, peer)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut data = read_all(&mut stream).await.unwrap();
                    data.extend_from_slice(&peer.port().to_be_bytes());
                    send_all(&mut stream, &data).await.unwrap();
                });
            }
        });
        let clients = (0..100_usize).map(|number| {
            let client = ends.client();
            tokio::spawn(async move {
                let mut stream = client.connect_tcp(at(SERVER, 80)).await.unwrap();
                let mut expected = pattern(5_000 + number);
                send_all(&mut stream, &expected).await.unwrap();
                expected.extend_from_slice(&stream.local_addr().port().to_be_bytes());
                read_all(&mut stream).await.unwrap() == expected
            })
        });
        let clients: Vec<_> = clients.collect();
        let mut right = 0;
        for client in clients {
            right += usize::from(client.await.unwrap());
        }
        right
    });
    assert_eq!(outcome.output, 100);
    assert!(outcome.dropped.is_empty(), "{:?}", outcome.dropped);
}

#[test]
fn a_reader_that_does_not_read_holds_the_writer_up() {
    let config = TcpConfig::with_buffers(ByteCount::new(64 << 10));
    let outcome = Lab::two(ms(10)).run(move |ends| async move {
        let listener = ends.server().listen_tcp_with(at(SERVER, 80), &config).unwrap();
        let client = ends.client();
        let writer = tokio::spawn(async move {
            let connecting = client.connect_tcp_with(None, at(SERVER, 80), &config);
            let mut stream = connecting.await.unwrap();
            send_all(&mut stream, &pattern(400_000)).await.unwrap();
            stream
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        ends.handle.sleep(SimDuration::from_secs(120)).await;
        let waiting = stream.statistics().bytes_received;
        assert!(!writer.is_finished());
        let data = read_all(&mut stream).await.unwrap();
        let statistics = writer.await.unwrap().statistics();
        (waiting, data, statistics)
    });
    let (waiting, data, statistics) = outcome.output;
    assert_eq!(waiting, 64 << 10, "the receive buffer is full and no more");
    assert!(data == pattern(400_000));
    // Probes of the closed window carry a byte each, which then is sent again.
    let TcpStatistics { segments_retransmitted, bytes_retransmitted, .. } = statistics;
    assert!(segments_retransmitted < 12 && bytes_retransmitted < 12, "{statistics:?}");
}

#[test]
fn ipv6_and_the_own_host_work_as_well() {
    let outcome =
        Lab::new().public(&["2001:db8::1", CLIENT], &LinkConfig::IDEAL).run(|ends| async move {
            let host = ends.client();
            let mut right = 0;
            for address in ["2001:db8::1", CLIENT] {
                let listener = host.listen_tcp_at(at(address, 0)).unwrap();
                let to = listener.local_addr();
                let server = tokio::spawn(async move {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    send_all(&mut stream, &pattern(300_000)).await.unwrap();
                });
                let mut stream = host.connect_tcp(to).await.unwrap();
                right += usize::from(read_all(&mut stream).await.unwrap() == pattern(300_000));
                server.await.unwrap();
            }
            right
        });
    assert_eq!(outcome.output, 2);
}

#[test]
fn the_same_run_twice_gives_the_same_trace() {
    let run = || {
        let outcome = Lab::line(&line(20, ms(10), 30_000)).run(|ends| async move {
            let listener = ends.server().listen_tcp(80).unwrap();
            let (client, other) = (ends.client(), ends.client());
            let sender = |host: natbed_runtime::Host| async move {
                let mut stream = host.connect_tcp(at(SERVER, 80)).await.unwrap();
                send_all(&mut stream, &pattern(2_000_000)).await.unwrap();
                let _ = read_all(&mut stream).await;
                stream.statistics()
            };
            let senders = [tokio::spawn(sender(client)), tokio::spawn(sender(other))];
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move { read_all(&mut stream).await.unwrap() });
            }
            let [a, b] = senders;
            [a.await.unwrap(), b.await.unwrap()]
        });
        (outcome.hash, outcome.events, outcome.at, outcome.output)
    };
    let first = run();
    assert_eq!(first, run());
    let lost: u64 = first.3.iter().map(|statistics| statistics.segments_retransmitted).sum();
    assert!(lost > 0, "with losses and repairs: {:?}", first.3);
}
