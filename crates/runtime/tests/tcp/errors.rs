//! Connections fail as on an operating system, with its error codes.

use natbed_packet::DropReason;
use natbed_runtime::TcpConfig;
use natbed_units::SimTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{Lab, SERVER, at, errno, ms, pattern, read_all, secs, send_all};

#[test]
fn a_closed_port_refuses_in_one_round_trip() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        // A host has TCP once it has used it.
        let _listener = ends.server().listen_tcp(81).unwrap();
        let refused = errno(ends.client().connect_tcp(at(SERVER, 80)).await);
        (refused, ends.handle.now())
    });
    assert_eq!(outcome.output, (libc::ECONNREFUSED, SimTime::ZERO + ms(20)));
}

#[test]
fn a_silent_host_lets_connecting_time_out() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        let default = errno(ends.client().connect_tcp(at(SERVER, 80)).await);
        let first = ends.handle.now();
        let config = TcpConfig { connect_timeout: ms(2_500), ..TcpConfig::default() };
        let own = errno(ends.client().connect_tcp_with(None, at(SERVER, 80), &config).await);
        (default, first, own, ends.handle.now())
    });
    let (default, first, own, end) = outcome.output;
    assert_eq!((default, own), (libc::ETIMEDOUT, libc::ETIMEDOUT));
    assert_eq!(first, SimTime::ZERO + secs(127), "as on Linux");
    assert_eq!(end, first + ms(2_500));
    // The first segment at 0, 1, 3, 7, 15, 31, 63 and 123 s, then at 0 and 1 s.
    assert_eq!(outcome.dropped[&DropReason::NoTaker], 8 + 2);
}

#[test]
fn what_nobody_can_reach_is_refused_at_once() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        let mut told = Vec::new();
        for target in ["2001:db8::5", "0.0.0.0", "224.0.0.1"] {
            told.push(errno(ends.client().connect_tcp(at(target, 80)).await));
        }
        (told, ends.handle.now())
    });
    assert_eq!(outcome.output, (vec![libc::ENETUNREACH; 3], SimTime::ZERO));
}

#[test]
fn a_reset_reaches_readers_and_writers_once() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        let listener = ends.server().listen_tcp(80).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"last words").await.unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            stream.abort();
        });
        let mut stream = ends.client().connect_tcp(at(SERVER, 80)).await.unwrap();
        stream.write_all(b"!").await.unwrap();
        ends.handle.sleep(secs(1)).await;
        let mut words = [0; 10];
        stream.read_exact(&mut words).await.unwrap();
        let reset = errno(stream.read(&mut words).await);
        let end = stream.read(&mut words).await.unwrap();
        let pipe = errno(stream.write(b"?").await);
        (words, reset, end, pipe)
    });
    assert_eq!(outcome.output, (*b"last words", libc::ECONNRESET, 0, libc::EPIPE));
}

#[test]
fn a_stream_dropped_with_unread_data_resets_and_one_without_ends_in_order() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        let listener = ends.server().listen_tcp(80).unwrap();
        let handle = ends.handle.clone();
        tokio::spawn(async move {
            for reads in [false, true] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut data = [0; 4];
                if reads {
                    stream.read_exact(&mut data).await.unwrap();
                }
                handle.sleep(secs(1)).await;
                // More than fits into one flight: it is sent after the stream is gone.
                stream.write_all(&pattern(100_000)).await.unwrap();
            }
        });
        let mut ends_of = Vec::new();
        for _ in 0..2 {
            let mut stream = ends.client().connect_tcp(at(SERVER, 80)).await.unwrap();
            stream.write_all(b"data").await.unwrap();
            ends_of.push(read_all(&mut stream).await.map(|data| data == pattern(100_000)));
        }
        ends_of.into_iter().map(|end| end.map_err(|error| error.raw_os_error())).collect::<Vec<_>>()
    });
    assert_eq!(outcome.output, [Err(Some(libc::ECONNRESET)), Ok(true)]);
}

#[test]
fn whoever_writes_to_a_closed_end_gets_a_reset() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        let listener = ends.server().listen_tcp(80).unwrap();
        tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
        let mut stream = ends.client().connect_tcp(at(SERVER, 80)).await.unwrap();
        let end = read_all(&mut stream).await.unwrap().len();
        let first = stream.write(b"nobody").await.unwrap();
        ends.handle.sleep(secs(1)).await;
        (end, first, errno(stream.write(b"listens").await), errno(stream.write(b"!").await))
    });
    assert_eq!(outcome.output, (0, 6, libc::ECONNRESET, libc::EPIPE));
}

#[test]
fn a_peer_that_falls_silent_is_given_up() {
    let lab = Lab::two(ms(10));
    let link = lab.link(1);
    let outcome = lab.run(move |ends| async move {
        let config = TcpConfig { timeout: secs(30), ..TcpConfig::default() };
        let kept = TcpConfig { keepalive: Some(secs(5)), ..TcpConfig::default() };
        let listener = ends.server().listen_tcp(80).unwrap();
        let connect = async |config| {
            let client = ends.client();
            let connecting = client.connect_tcp_with(None, at(SERVER, 80), config);
            connecting.await.unwrap()
        };
        let mut writing = connect(&config).await;
        let mut kept = connect(&kept).await;
        let mut idle = connect(&config).await;
        let streams = [listener.accept().await, listener.accept().await, listener.accept().await];
        // Keepalive probes are answered all the while.
        ends.handle.sleep_until(SimTime::ZERO + secs(100)).await;
        ends.remote.at(SimTime::ZERO + secs(100), move |world| {
            world.network_mut().set_link_down(link, true);
        });
        writing.write_all(b"anybody?").await.unwrap();
        let reading = tokio::spawn(async move {
            let error = errno(kept.read(&mut [0]).await);
            (error, kept.statistics())
        });
        let given_up = errno(writing.read(&mut [0]).await);
        let first = ends.handle.now();
        let (kept, statistics) = reading.await.unwrap();
        let second = ends.handle.now();
        // Silence alone ends nothing without keepalive.
        let waited = tokio::time::timeout(secs(3_000).into(), idle.read(&mut [0])).await.is_err();
        drop(streams);
        (given_up, first, kept, statistics, second, waited)
    });
    let (given_up, first, kept, statistics, second, waited) = outcome.output;
    assert_eq!((given_up, first), (libc::ETIMEDOUT, SimTime::ZERO + secs(130)));
    assert_eq!(kept, libc::ETIMEDOUT);
    // The last answer was heard at about 100 s; then ten intervals of 5 s.
    let silent = second.saturating_since(SimTime::ZERO + secs(100));
    assert!(silent > secs(44) && silent < secs(51), "{silent}");
    assert_eq!(statistics.segments_retransmitted, 0);
    assert!(waited);
}

#[test]
fn ports_and_addresses_are_given_out_once() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        let server = ends.server();
        let listener = server.listen_tcp(80).unwrap();
        let mut told = vec![
            errno(server.listen_tcp(80)),
            errno(server.listen_tcp_at(at("0.0.0.0", 80))),
            errno(server.listen_tcp_at(at("192.0.2.1", 81))),
        ];
        let client = ends.client();
        let config = TcpConfig::default();
        let local = Some(at("0.0.0.0", 5_000));
        let first = client.connect_tcp_with(local, at(SERVER, 80), &config).await.unwrap();
        told.push(errno(client.connect_tcp_with(local, at(SERVER, 80), &config).await));
        told.push(errno(client.connect_tcp_with(local, at(SERVER, 81), &config).await));
        let foreign = Some(at("192.0.2.1", 0));
        told.push(errno(client.connect_tcp_with(foreign, at(SERVER, 80), &config).await));
        told.push(errno(client.connect_tcp(at(SERVER, 0)).await));
        let empty = TcpConfig { backlog: 0, ..config };
        told.push(errno(server.listen_tcp_with(at(SERVER, 82), &empty)));
        drop((first, listener));
        server.listen_tcp(80).unwrap();
        told
    });
    let in_use = libc::EADDRINUSE;
    let not_own = libc::EADDRNOTAVAIL;
    let expected =
        [in_use, in_use, not_own, in_use, libc::ECONNREFUSED, not_own, libc::EINVAL, libc::EINVAL];
    assert_eq!(outcome.output, expected);
}

#[test]
fn as_many_connections_wait_as_the_backlog_allows() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        let config = TcpConfig { backlog: 3, ..TcpConfig::default() };
        let listener = ends.server().listen_tcp_with(at(SERVER, 80), &config).unwrap();
        let clients = (0..5).map(|_| {
            let (client, handle) = (ends.client(), ends.handle.clone());
            tokio::spawn(async move {
                let stream = client.connect_tcp(at(SERVER, 80)).await.unwrap();
                (handle.now().since_start(), stream)
            })
        });
        let clients: Vec<_> = clients.collect();
        ends.handle.sleep(ms(500)).await;
        for _ in 0..5 {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut stream = stream;
                read_all(&mut stream).await
            });
        }
        let mut connected = Vec::new();
        for client in clients {
            let (at, mut stream) = client.await.unwrap();
            send_all(&mut stream, b"!").await.unwrap();
            connected.push(at);
        }
        connected.sort_unstable();
        connected
    });
    // Two have tried again after a second.
    assert_eq!(outcome.output, [ms(20), ms(20), ms(20), ms(1_020), ms(1_020)]);
    assert_eq!(outcome.dropped[&DropReason::ListenBacklogFull], 2);
}

#[test]
fn a_listener_that_goes_away_resets_who_was_not_accepted() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        let listener = ends.server().listen_tcp(80).unwrap();
        let mut stream = ends.client().connect_tcp(at(SERVER, 80)).await.unwrap();
        ends.handle.sleep(ms(100)).await;
        drop(listener);
        let reset = errno(stream.read(&mut [0]).await);
        (reset, errno(ends.client().connect_tcp(at(SERVER, 80)).await))
    });
    assert_eq!(outcome.output, (libc::ECONNRESET, libc::ECONNREFUSED));
}

#[test]
fn a_host_has_so_many_connections_and_no_more() {
    let mut lab = Lab::two(ms(10));
    lab.limits.tcp_connections = 2;
    let outcome = lab.run(|ends| async move {
        let listener = ends.server().listen_tcp(80).unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move { read_all(&mut stream).await });
            }
        });
        let client = ends.client();
        let first = client.connect_tcp(at(SERVER, 80)).await.unwrap();
        let _second = client.connect_tcp(at(SERVER, 80)).await.unwrap();
        let third = errno(client.connect_tcp(at(SERVER, 80)).await);
        first.abort();
        ends.handle.sleep(secs(1)).await;
        (third, client.connect_tcp(at(SERVER, 80)).await.is_ok())
    });
    assert_eq!(outcome.output, (libc::ENOBUFS, true));
}

#[test]
fn connecting_can_be_given_up() {
    let outcome = Lab::two(ms(10)).run(|ends| async move {
        let listener = ends.server().listen_tcp(80).unwrap();
        let client = ends.client();
        let given_up = tokio::time::timeout(ms(12).into(), client.connect_tcp(at(SERVER, 80)));
        assert!(given_up.await.is_err());
        // The answer to the first segment finds nobody and is reset.
        let accepted = tokio::time::timeout(secs(100).into(), listener.accept()).await;
        accepted.is_err()
    });
    assert!(outcome.output);
}
