//! What is left of the crate without the real core in it.
#![cfg(not(feature = "core"))]

#[test]
fn without_its_feature_the_core_is_not_there_and_its_tests_are_skipped() {
    eprintln!(
        "skipped: the tests of the real OpenDHT core; they need g++ and libopendht-dev: \
         cargo test -p natbed-opendht-core --features core"
    );
    let is_available = natbed_opendht_core::IS_AVAILABLE;
    assert!(!is_available);
}
