//! Whether the peers found each other, and on the way that is expected.

use natbed_report::{DiscoveryRecord, DiscoveryWay};
use natbed_scenario::{Expect, ExpectedDiscovery, ExpectedPath, Path};

/// Adds why discovery was not as expected. That there is no answer is a failure by itself, unless
/// the scenario expects no discovery or no path.
pub(super) fn check(
    discovery: Option<&DiscoveryRecord>,
    expect: Option<&Expect>,
    reasons: &mut Vec<String>,
) {
    let Some(discovery) = discovery else { return };
    let expected = expect.and_then(|expect| expect.discovered);
    let way = discovery.by.filter(|_| discovery.failure.is_none());
    if let Some(failure) = discovery.failure {
        let none = Some(ExpectedPath::Is(Path::None));
        let is_expected = expected == Some(ExpectedDiscovery::None)
            || expected.is_none() && expect.is_some_and(|expect| expect.path == none);
        if !is_expected {
            let reason = discovery.failure_reason.as_deref().unwrap_or("no answer came");
            reasons.push(format!("not-discovered: {failure}: {reason}"));
        }
        return;
    }
    let found = match way {
        Some(DiscoveryWay::Lan) => ExpectedDiscovery::Lan,
        Some(DiscoveryWay::Dht) => ExpectedDiscovery::Dht,
        None => ExpectedDiscovery::None,
    };
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        reasons.push(format!("discovered: expected {expected}, the call came by {found}"));
    }
}
