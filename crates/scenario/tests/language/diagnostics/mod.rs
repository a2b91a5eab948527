//! One test for each kind of error: its line, its column, what is marked and what is said.

mod addresses;
mod discovery;
mod document;
mod events;
mod firewalls;
mod links;
mod loads;
mod nats;
mod rendering;
mod sessions;
mod swarms;

use crate::marked::assert_errors;

/// Asserts one error for each row: a text with the wrong thing marked, and the message.
fn assert_each(rows: &[(String, &str)]) {
    for (marked, message) in rows {
        assert_errors(marked, &[message]);
    }
}
