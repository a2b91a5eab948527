//! Expectations as reports repeat them.

use natbed_scenario::{Bounds, Expect, ExpectedPath, LoadExpect, Session};
use serde_json::{Map, Value, json};

/// The expectation as it was written, resolved to one case.
pub(super) fn expectation(session: &Session, expect: &Expect) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    put(
        "path",
        expect.path.map(|path| match path {
            ExpectedPath::Is(path) => json!(path.to_string()),
            ExpectedPath::Oracle => json!("${oracle}"),
        }),
    );
    put("connect_within", expect.connect_within.map(|limit| json!(limit.to_string())));
    let words: Vec<_> = expect.states.iter().map(ToString::to_string).collect();
    put("states", (!words.is_empty()).then(|| json!(words)));
    put("final_state", expect.final_state.map(|state| json!(state.to_string())));
    let only = match &session.loads[..] {
        [load] if load.name.is_none() => Some(load.expect),
        _ => None,
    };
    if let Some(load) = only {
        object.extend(of_load(&load));
    }
    let mut put = |key: &str, value: Option<Value>| {
        object.extend(value.map(|value| (key.to_owned(), value)));
    };
    put("noticed_within", expect.noticed_within.map(|limit| json!(limit.to_string())));
    put("recover_within", expect.recover_within.map(|limit| json!(limit.to_string())));
    let named = session.loads.iter().filter_map(|load| {
        let expected = of_load(&load.expect);
        let name = load.name.clone().filter(|_| !expected.is_empty())?;
        Some((name, Value::Object(expected)))
    });
    let named: Map<_, _> = named.collect();
    put("loads", (!named.is_empty()).then_some(Value::Object(named)));
    Value::Object(object)
}

fn of_load(load: &LoadExpect) -> Map<String, Value> {
    let LoadExpect {
        goodput,
        complete_within,
        loss,
        rtt_p50,
        rtt_p95,
        delay_p50,
        delay_p95,
        delay_p99,
        jitter,
        freezes,
        retransmitted,
    } = *load;
    let entries = [
        ("goodput", goodput.map(bounds)),
        ("complete_within", complete_within.map(|limit| json!(limit.to_string()))),
        ("loss", loss.map(bounds)),
        ("rtt_p50", rtt_p50.map(bounds)),
        ("rtt_p95", rtt_p95.map(bounds)),
        ("delay_p50", delay_p50.map(bounds)),
        ("delay_p95", delay_p95.map(bounds)),
        ("delay_p99", delay_p99.map(bounds)),
        ("jitter", jitter.map(bounds)),
        ("freezes", freezes.map(bounds)),
        ("retransmitted", retransmitted.map(bounds)),
    ];
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn bounds<T: ToString>(bounds: Bounds<T>) -> Value {
    let mut object = Map::new();
    let limits = [("at_least", bounds.at_least), ("at_most", bounds.at_most)];
    for (key, limit) in limits {
        object.extend(limit.map(|limit| (key.to_owned(), json!(limit.to_string()))));
    }
    Value::Object(object)
}
