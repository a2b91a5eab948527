//! The executable is linked as determinism needs it.
#![cfg(feature = "core")]

#[test]
fn shared_libraries_call_this_programs_functions() {
    natbed_opendht_core::self_check().expect("every function is replaced");
}
