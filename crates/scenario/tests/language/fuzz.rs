//! Texts that nobody would write: nothing may panic, and every refusal has a place in the file.

use natbed_scenario::load;
use proptest::prelude::*;

use crate::marked::source;

const DOCUMENT: &str = include_str!("two-homes.yaml");

/// Loads a text and asserts that what is reported can be shown.
fn check(text: &str) {
    match load(source(text)) {
        Ok(document) => assert!(document.cases().count() > 0),
        Err(diagnostics) => {
            assert!(!diagnostics.as_slice().is_empty());
            for diagnostic in diagnostics.as_slice() {
                assert!(text.get(diagnostic.span.clone()).is_some(), "{diagnostic:?}");
            }
            assert!(diagnostics.render(false).starts_with("error: "));
            assert!(diagnostics.render(true).contains("error"));
        }
    }
}

/// Pieces that mean something to YAML or to the language.
fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "natbed",
        "lans",
        "hosts",
        "sessions",
        "matrix",
        "gateway",
        "nat",
        "profiles",
        "firewall",
        "events",
        "interfaces",
        "copies: 3",
        "swarm: { nodes: 3 }",
        "dht: {}",
        "discovery",
        "first_of",
        "bootstrap: [swarm-1]",
        "${copy}",
        "loads",
        "quic",
        "expect",
        "ipv6",
        "of",
        "one_to_one",
        "2001:db8::/96",
        ": ",
        ":",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&a ",
        "*a",
        "<<",
        "!!str ",
        "|\n",
        ">-\n",
        "\"",
        "'",
        "#",
        "${",
        "${oracle}",
        "~",
        "1",
        "10.0.0.0/8",
        "20ms",
        "\t",
        "\r\n",
        "\u{feff}",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "? ",
        "\0",
        "ä",
        "\u{202e}",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_loaded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_tokens_are_loaded_or_refused(tokens in prop::collection::vec(token(), 0..60)) {
        check(&tokens.concat());
        check(&format!("natbed: 1\nname: x\n{}", tokens.concat()));
    }

    #[test]
    fn a_document_with_changed_bytes_is_loaded_or_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..8, token()), 1..6),
    ) {
        let mut text: Vec<char> = DOCUMENT.chars().collect();
        for (index, removed, inserted) in edits {
            let at = index.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        check(&text.into_iter().collect::<String>());
    }

    #[test]
    fn a_document_cut_short_is_loaded_or_refused(length in 0..DOCUMENT.len()) {
        check(&DOCUMENT[..length]);
    }
}
