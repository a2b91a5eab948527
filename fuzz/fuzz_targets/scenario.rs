//! The text of a scenario file: refused with diagnostics, or each of its cases can be made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use natbed_scenario::{Source, load};

/// A matrix may have many cases, which are made in the same way.
const MOST_CASES: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match load(Source { name: "fuzz.yaml".to_owned(), text: text.to_owned() }) {
        Ok(document) => {
            assert!(document.case_count() > 0);
            for case in document.cases().take(MOST_CASES) {
                assert_eq!(case.labels.len(), document.axes().len());
            }
        }
        Err(diagnostics) => assert!(!diagnostics.to_string().is_empty()),
    }
});
