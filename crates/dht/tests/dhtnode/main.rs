//! A node of ours beside OpenDHT's own `dhtnode`, over sockets on loopback.
//!
//! Needs the program `dhtnode` of Debian's package of that name. Without it the tests say so and
//! pass; with `NATBED_REQUIRE_PEERS=1` in the environment they fail.
#![allow(clippy::unwrap_used)] // tests
#![allow(clippy::disallowed_methods)] // real time and real threads are what this is about

mod live;
mod mixed;
mod probe;
mod secrets;

use std::time::Duration;

use bytes::Bytes;
use live::{Dhtnode, Live, dhtnode_is_there};
use natbed_dht::{Body, Data, Event, Generation, Id, Identity, Status, Value};
use probe::Probe;

const KEY: Id = Id::new([0x42; 20]);

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

fn text(id: u64, text: &str) -> Value {
    let body = Body {
        data: Bytes::copy_from_slice(text.as_bytes()),
        user_type: Bytes::from_static(b"text/plain"),
        ..Body::default()
    };
    let data = Data::Open { body, signature: Bytes::new() };
    Value { id, data, priority: 0, push_type: Bytes::new() }
}

fn content(value: &Value) -> String {
    match &value.data {
        Data::Open { body, .. } => String::from_utf8_lossy(&body.data).into_owned(),
        Data::Encrypted(_) => panic!("{value:?} is in the open"),
    }
}

#[test]
fn each_side_finds_and_hears_what_the_other_puts() {
    if !dhtnode_is_there() {
        return;
    }
    let mut theirs = Dhtnode::start(&[]);
    let mut ours = Live::start(vec![theirs.address()]);
    ours.until(PATIENCE, |event| *event == Event::Status(Status::Connected));

    let now = ours.now();
    ours.node.put(now, KEY, text(7, "from ours"), false);
    ours.run(Duration::from_secs(2));
    theirs.command(&format!("g {KEY}"));
    theirs.until(PATIENCE, r#"data(text/plain):"from ours""#);

    let now = ours.now();
    let listen = ours.node.listen(now, KEY);
    ours.run(Duration::from_secs(2));
    theirs.command(&format!("p {KEY} theirs"));
    let heard = ours.until(PATIENCE, |event| {
        matches!(event, Event::Value(of, value, _) if *of == listen && content(value) == "theirs")
    });
    assert!(matches!(heard, Event::Value(..)));

    let now = ours.now();
    let get = ours.node.get(now, KEY);
    ours.until(PATIENCE, |event| {
        matches!(event, Event::Value(of, value, _) if *of == get && content(value) == "theirs")
    });
}

#[test]
fn their_listener_hears_long_values_of_ours_and_takes_our_signatures() {
    if !dhtnode_is_there() {
        return;
    }
    let mut theirs = Dhtnode::start(&[]);
    let mut ours = Live::start(vec![theirs.address()]);
    ours.until(PATIENCE, |event| *event == Event::Status(Status::Connected));
    theirs.command(&format!("l {KEY}"));
    ours.run(Duration::from_secs(1));
    let now = ours.now();
    let long = "long ".repeat(600);
    ours.node.put(now, KEY, text(8, &long), false);
    ours.run(Duration::from_secs(2));
    theirs.until(PATIENCE, "long long long");

    let alice = Identity::from_pkcs8(include_bytes!("../data/keys/alice.pk8")).unwrap();
    let body = Body { data: Bytes::from_static(b"by alice"), ..Body::default() };
    let value = Value { id: 9, data: alice.sign(body, 0, None).unwrap(), ..text(9, "") };
    let now = ours.now();
    ours.node.put(now, KEY, value, false);
    ours.run(Duration::from_secs(2));
    // It drops what is not signed by its owner before it tells anybody.
    theirs.until(PATIENCE, "signed (v0) data:627920616c696365");
}

#[test]
fn we_take_their_signatures() {
    if !dhtnode_is_there() {
        return;
    }
    let mut theirs = Dhtnode::start(&["-i"]);
    let mut ours = Live::start(vec![theirs.address()]);
    ours.until(PATIENCE, |event| *event == Event::Status(Status::Connected));
    let now = ours.now();
    let listen = ours.node.listen(now, KEY);
    ours.run(Duration::from_secs(2));
    theirs.command(&format!("s {KEY} signedtext"));
    let heard =
        ours.until(PATIENCE, |event| matches!(event, Event::Value(of, ..) if *of == listen));
    let Event::Value(_, value, _) = heard else { panic!("{heard:?}") };
    assert_eq!(content(&value), "signedtext");
    assert!(value.data.verify().is_ok());
}

#[test]
fn they_and_we_answer_good_and_bad_requests_alike() {
    if !dhtnode_is_there() {
        return;
    }
    let theirs = Dhtnode::start(&[]);
    let said_by_them = Probe::new(theirs.address()).run();
    let mut ours = Live::start_as(Vec::new(), Generation::Two);
    let address = ours.address();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let serving = std::thread::spawn(move || {
        while stopped.try_recv().is_err() {
            ours.run(Duration::from_millis(20));
        }
    });
    let said_by_us = Probe::new(address).run();
    stop.send(()).unwrap();
    serving.join().unwrap();
    for refusal in ["error 401", "error 203", "error 404", "nothing", "refreshed 777", "update 777"]
    {
        let is_it = |line: &String| line.starts_with(refusal);
        assert!(said_by_them.iter().any(is_it), "{refusal}: {said_by_them:#?}");
    }
    assert_eq!(said_by_us, said_by_them);
}

#[test]
fn we_hear_long_values_of_theirs_and_find_them() {
    if !dhtnode_is_there() {
        return;
    }
    let mut theirs = Dhtnode::start(&[]);
    let mut ours = Live::start(vec![theirs.address()]);
    ours.until(PATIENCE, |event| *event == Event::Status(Status::Connected));
    let now = ours.now();
    let listen = ours.node.listen(now, KEY);
    ours.until(PATIENCE, |event| *event == Event::Listening(listen));
    let long = "long".repeat(750);
    theirs.command(&format!("p {KEY} {long}"));
    let is_long = |event: &Event, of| matches!(event, Event::Value(it, value, _) if *it == of && content(value) == long);
    ours.until(PATIENCE, |event| is_long(event, listen));
    let now = ours.now();
    let get = ours.node.get(now, KEY);
    ours.until(PATIENCE, |event| is_long(event, get));
    // A permanent value of ours is asked for, put, and found.
    let now = ours.now();
    let put = ours.node.put(now, KEY, text(77, "for ever"), true);
    ours.until(PATIENCE, |event| matches!(event, Event::Stored(of, _) if *of == put));
    theirs.command(&format!("g {KEY}"));
    theirs.until(PATIENCE, r#"data(text/plain):"for ever""#);
}
