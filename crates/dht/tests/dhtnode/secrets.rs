//! Values that are signed and encrypted, in both directions.

use std::time::Duration;

use bytes::Bytes;
use natbed_dht::{Body, Data, Event, Id, Identity, PublicIdentity, Status, Value};
use natbed_units::Seed;

use super::live::{Dhtnode, Live, dhtnode_is_there};
use super::{KEY, PATIENCE, text};

/// A certificate, as a value's type.
const CERTIFICATE: u16 = 8;

fn alice() -> Identity {
    Identity::from_pkcs8(include_bytes!("../data/keys/alice.pk8")).unwrap()
}

fn bob() -> Identity {
    Identity::from_pkcs8(include_bytes!("../data/keys/bob.pk8")).unwrap()
}

/// Bob's certificate as a value: MessagePack binary of its PEM text.
fn bobs_certificate() -> Value {
    let pem = include_bytes!("../data/keys/bob.pem");
    let mut data = vec![0xc5];
    data.extend((pem.len() as u16).to_be_bytes());
    data.extend(pem);
    let body = Body { kind: CERTIFICATE, data: data.into(), ..Body::default() };
    let data = Data::Open { body, signature: Bytes::new() };
    Value { id: 1, data, priority: 0, push_type: Bytes::new() }
}

/// A node of `dhtnode` with an identity, and one of ours that listens.
fn both() -> (Dhtnode, Live, natbed_dht::OperationId) {
    let theirs = Dhtnode::start(&["-i"]);
    let mut ours = Live::start(vec![theirs.address()]);
    ours.until(PATIENCE, |event| *event == Event::Status(Status::Connected));
    let now = ours.now();
    let listen = ours.node.listen(now, KEY);
    ours.until(PATIENCE, |event| *event == Event::Listening(listen));
    (theirs, ours, listen)
}

#[test]
fn we_read_what_they_encrypt_for_us() {
    if !dhtnode_is_there() {
        return;
    }
    let (mut theirs, mut ours, listen) = both();
    // They look for the key of whom they encrypt for under its identifier.
    let id = bob().public().id();
    let now = ours.now();
    ours.node.put(now, id, bobs_certificate(), false);
    ours.run(Duration::from_secs(1));
    theirs.command(&format!("e {KEY} {id} topsecret"));
    let heard =
        ours.until(PATIENCE, |event| matches!(event, Event::Value(of, ..) if *of == listen));
    let Event::Value(_, value, from) = heard else { panic!("{heard:?}") };
    assert_eq!(from, Some(theirs.address()));
    let Data::Encrypted(encrypted) = &value.data else { panic!("{value:?} is encrypted") };
    let body = bob().decrypt(encrypted).unwrap();
    assert_eq!(&body.data[..], b"topsecret");
    let owner = body.owner.unwrap();
    assert_eq!(owner.to, Some(id));
    assert!(alice().decrypt(encrypted).is_err(), "it is not for alice");
}

#[test]
fn they_read_what_we_encrypt_for_them() {
    if !dhtnode_is_there() {
        return;
    }
    let (mut theirs, mut ours, listen) = both();
    // Their key comes with what they sign.
    theirs.command(&format!("s {KEY} hello"));
    let heard =
        ours.until(PATIENCE, |event| matches!(event, Event::Value(of, ..) if *of == listen));
    let Event::Value(_, value, _) = heard else { panic!("{heard:?}") };
    let them: PublicIdentity = value.data.verify().unwrap();

    let other = Id::hash(b"for them");
    for (id, data) in [(1, "short".to_owned()), (2, "long".repeat(500))] {
        let Data::Open { body, .. } = text(id, &data).data else { panic!("it is open") };
        let Data::Open { body, signature } = alice().sign(body, 0, Some(them.id())).unwrap() else {
            panic!("what is signed is open");
        };
        let open = Data::encode_open(&body, &signature);
        let data = them.encrypt(&open, &mut Seed::new(id).rng("test")).unwrap();
        let now = ours.now();
        let put = ours.node.put(now, other, Value { data, ..text(id, "") }, false);
        ours.until(PATIENCE, |event| matches!(event, Event::Stored(of, _) if *of == put));
    }
    theirs.command(&format!("g {other}"));
    theirs.until(PATIENCE, r#"data(text/plain):"short""#);
    theirs.until(PATIENCE, &"long".repeat(500));
}
