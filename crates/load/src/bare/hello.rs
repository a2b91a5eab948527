//! How two hosts greet each other, so that both know that datagrams pass both ways.

use std::sync::Mutex;

use natbed_peer::{Channel, PeerReport};
use natbed_runtime::Handle;
use natbed_units::SimDuration;

use super::channel::UdpChannel;
use super::{failure, lock};

const HELLO: &[u8; 12] = b"natbed hello";
/// Time between two of them: the first retransmission of STUN (RFC 8489 section 6.2.1).
const INTERVAL: SimDuration = SimDuration::from_millis(500);
/// How long one that is not heard goes on.
const PATIENCE: SimDuration = SimDuration::from_secs(30);

/// Lets both hear each other; says whether they have, or notes that they have not.
pub(super) async fn greet(
    handle: &Handle,
    first: &UdpChannel,
    second: &UdpChannel,
    peers: &Mutex<[PeerReport; 2]>,
) -> bool {
    let have_met = tokio::select! { biased;
        () = ask(handle, first, peers) => true,
        () = answer(handle, second, peers) => false,
        () = handle.sleep(PATIENCE) => false,
    };
    for peer in lock(peers).iter_mut().filter(|peer| peer.connected.is_none()) {
        let message = format!("nothing arrived from it in {PATIENCE}");
        peer.failure = Some(failure("udp", "hear of the other host", &message));
    }
    have_met
}

/// Says hello until an answer comes.
async fn ask(handle: &Handle, channel: &UdpChannel, peers: &Mutex<[PeerReport; 2]>) {
    let mut buffer = [0; HELLO.len()];
    loop {
        // A hello that cannot be sent now, for lack of a route, counts as lost.
        let _ = channel.send(HELLO).await;
        tokio::select! { biased;
            Ok(_) = channel.receive(&mut buffer) => break,
            () = handle.sleep(INTERVAL) => {}
        }
    }
    lock(peers)[0].connected = Some(handle.now());
}

/// Answers for ever.
async fn answer(handle: &Handle, channel: &UdpChannel, peers: &Mutex<[PeerReport; 2]>) {
    let mut buffer = [0; HELLO.len()];
    while channel.receive(&mut buffer).await.is_ok() {
        if buffer == *HELLO {
            lock(peers)[1].connected.get_or_insert(handle.now());
            let _ = channel.send(HELLO).await;
        }
    }
    std::future::pending::<()>().await;
}
