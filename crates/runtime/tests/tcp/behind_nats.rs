//! TCP through NATs and firewalls.

use natbed_nat::{Action, FirewallConfig, Forward, NatConfig, Policy, Protocol};
use natbed_network::{LinkConfig, PipeConfig};
use natbed_packet::DropReason;
use natbed_runtime::TcpConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{Lab, SERVER, at, errno, ms, nat, pattern, read_all, secs, send_all};

const HOME: &str = "203.0.113.5";
const ALICE: &str = "10.1.0.9";

/// Alice behind her router and her carrier's, and a public server.
fn nested(home: NatConfig, firewall: Option<FirewallConfig>) -> Lab {
    let carrier = (HOME, nat("rfc6888-cgn"), None);
    let uplink = PipeConfig::with_delay(ms(5));
    Lab::new()
        .behind(&[carrier, ("10.0.0.7", home, firewall)], ALICE, &uplink)
        .public(&[SERVER], &LinkConfig::IDEAL)
}

#[test]
fn bytes_go_both_ways_through_two_nats() {
    let outcome = nested(nat("linux-masquerade"), None).run(|ends| async move {
        let listener = ends.server().listen_tcp(443).unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, peer) = listener.accept().await.unwrap();
            let heard = read_all(&mut stream).await.unwrap();
            send_all(&mut stream, &heard).await.unwrap();
            peer
        });
        let mut stream = ends.client().connect_tcp(at(SERVER, 443)).await.unwrap();
        let config = TcpConfig::default();
        let again = ends.client().connect_tcp_with(None, at(SERVER, 444), &config).await;
        send_all(&mut stream, &pattern(2_000_000)).await.unwrap();
        let echoed = read_all(&mut stream).await.unwrap() == pattern(2_000_000);
        (echoed, stream.local_addr().ip(), server.await.unwrap().ip(), errno(again))
    });
    let expected = (true, at(ALICE, 0).ip(), at(HOME, 0).ip(), libc::ECONNREFUSED);
    assert_eq!(outcome.output, expected);
    assert!(outcome.dropped.is_empty(), "{:?}", outcome.dropped);
}

#[test]
fn a_server_behind_two_nats_is_reached_through_forwarded_ports() {
    let forward = |internal| Forward { protocol: Protocol::Tcp, external_port: 8080, internal };
    let masquerade = |internal| {
        let forwards = vec![forward(internal)];
        NatConfig { forwards, ..nat("linux-masquerade") }
    };
    let gateways = [
        (HOME, masquerade(at("10.0.0.7", 8080)), None),
        ("10.0.0.7", masquerade(at(ALICE, 8080)), None),
    ];
    let lab = Lab::new()
        .behind(&gateways, ALICE, &PipeConfig::with_delay(ms(5)))
        .public(&[SERVER], &LinkConfig::IDEAL);
    let outcome = lab.run(|ends| async move {
        let (alice, public) = (ends.client(), ends.server());
        let listener = alice.listen_tcp(8080).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            send_all(&mut stream, &pattern(500_000)).await.unwrap();
        });
        let mut stream = public.connect_tcp(at(HOME, 8080)).await.unwrap();
        read_all(&mut stream).await.unwrap() == pattern(500_000)
    });
    assert!(outcome.output);
}

#[test]
fn a_nat_that_forgets_an_idle_connection_cuts_it_and_keepalive_prevents_that() {
    let home = NatConfig { tcp_timeout: secs(60), ..nat("linux-masquerade") };
    let outcome = nested(home, None).run(|ends| async move {
        let listener = ends.server().listen_tcp(80).unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).await.is_ok() {
                        stream.write_all(&byte).await.unwrap();
                        // The server speaks first after a pause, which a NAT does not let in.
                        tokio::time::sleep(secs(90).into()).await;
                        let _ = stream.write_all(&byte).await;
                    }
                });
            }
        });
        let patience = TcpConfig { timeout: secs(20), ..TcpConfig::default() };
        let kept = TcpConfig { keepalive: Some(secs(30)), ..patience };
        let mut heard = Vec::new();
        for config in [patience, kept] {
            let client = ends.client();
            let connecting = client.connect_tcp_with(None, at(SERVER, 80), &config);
            let mut stream = connecting.await.unwrap();
            stream.write_all(b"a").await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
            let mut byte = [0];
            let second = stream.read_exact(&mut byte);
            heard.push(tokio::time::timeout(secs(120).into(), second).await.is_ok());
        }
        heard
    });
    assert_eq!(outcome.output, [false, true]);
    assert!(outcome.dropped[&DropReason::NoMapping] > 0, "{:?}", outcome.dropped);
}

#[test]
fn a_firewall_that_drops_lets_connecting_time_out_and_one_that_rejects_says_so() {
    for (action, error, after) in
        [(Action::Drop, libc::ETIMEDOUT, secs(127)), (Action::Reject, libc::EHOSTUNREACH, ms(0))]
    {
        let firewall =
            FirewallConfig { outbound: Policy::all(action), ..FirewallConfig::default() };
        let outcome = nested(nat("linux-masquerade"), Some(firewall)).run(|ends| async move {
            let told = errno(ends.client().connect_tcp(at(SERVER, 80)).await);
            (told, ends.handle.now().since_start())
        });
        assert_eq!(outcome.output, (error, after), "{action:?}");
    }
}

#[test]
fn icmp_errors_come_back_through_a_nat_and_end_connecting() {
    let firewall =
        FirewallConfig { outbound: Policy::all(Action::Reject), ..FirewallConfig::default() };
    let carrier = (HOME, nat("rfc6888-cgn"), Some(firewall));
    let home = ("10.0.0.7", nat("linux-masquerade"), None);
    let lab = Lab::new()
        .behind(&[carrier, home], ALICE, &PipeConfig::with_delay(ms(5)))
        .public(&[SERVER], &LinkConfig::IDEAL);
    let outcome = lab.run(|ends| async move {
        let told = errno(ends.client().connect_tcp(at(SERVER, 80)).await);
        (told, ends.handle.now().since_start())
    });
    assert_eq!(outcome.output, (libc::EHOSTUNREACH, ms(10)));
}
