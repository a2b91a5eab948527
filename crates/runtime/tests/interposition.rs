//! What a simulation thread sees of the world, and what other threads see meanwhile.

use natbed_runtime::self_check;

#[test]
fn the_self_check_passes_here() {
    assert_eq!(self_check(), Ok(()));
}
