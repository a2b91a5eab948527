//! What the filter's permissions belong to: the mapping, or the internal endpoint.

use natbed_nat::{FilterScope, Filtering, Mapping, NatConfig};
use natbed_packet::DropReason;

use crate::lab::{Lab, ep, secs};

const HOST: &str = "192.168.1.10:5000";
const FIRST: &str = "203.0.113.1:1";
const SECOND: &str = "203.0.113.2:2";

fn lab(filtering: Filtering, filter_scope: FilterScope) -> Lab {
    let mapping = Mapping::AddressAndPortDependent;
    Lab::new(NatConfig { mapping, filtering, filter_scope, ..NatConfig::default() })
}

#[test]
fn the_permission_of_an_endpoint_holds_at_all_its_mappings() {
    use Filtering::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
    let (inside, filtered) = (Ok(ep(HOST)), Err(DropReason::Filtered));
    let sources = [SECOND, "203.0.113.2:9", "203.0.113.3:2"];
    for (filtering, at_endpoint, at_mapping) in [
        (EndpointIndependent, [inside; 3], [inside; 3]),
        (AddressDependent, [inside, inside, filtered], [filtered; 3]),
        (AddressAndPortDependent, [inside, filtered, filtered], [filtered; 3]),
    ] {
        for (scope, expected) in
            [(FilterScope::InternalEndpoint, at_endpoint), (FilterScope::Mapping, at_mapping)]
        {
            let mut lab = lab(filtering, scope);
            let port = lab.port(HOST, FIRST);
            assert_ne!(lab.port(HOST, SECOND), port);
            assert_eq!(sources.map(|from| lab.back(from, port)), expected, "{filtering} {scope}");
            assert_eq!(lab.back(FIRST, port), inside, "{filtering} {scope}");
        }
    }
}

#[test]
fn the_permission_is_that_of_one_endpoint_and_ends_with_its_flows() {
    for filtering in [Filtering::AddressDependent, Filtering::AddressAndPortDependent] {
        let mut lab = lab(filtering, FilterScope::InternalEndpoint);
        let port = lab.port(HOST, FIRST);
        let other = lab.port("192.168.1.10:5001", FIRST);
        lab.wait(secs(200));
        lab.port(HOST, FIRST);
        lab.port("192.168.1.10:5001", FIRST);
        assert_eq!(lab.back(SECOND, port), Err(DropReason::Filtered), "{filtering}");
        lab.port(HOST, SECOND);
        assert_eq!(lab.back(SECOND, other), Err(DropReason::Filtered), "{filtering}");
        lab.wait(secs(299));
        lab.port(HOST, FIRST);
        lab.wait(secs(1));
        // The flow toward the second has ended, nothing else.
        assert_eq!(lab.back(SECOND, port), Err(DropReason::Filtered), "{filtering}");
        assert_eq!(lab.back(FIRST, port), Ok(ep(HOST)), "{filtering}");
    }
}

#[test]
fn two_flows_give_a_permission_that_lasts_as_long_as_either() {
    let mut lab = lab(Filtering::AddressDependent, FilterScope::InternalEndpoint);
    let port = lab.port(HOST, FIRST);
    lab.port(HOST, SECOND);
    lab.wait(secs(200));
    lab.port(HOST, "203.0.113.2:3");
    lab.port(HOST, FIRST);
    lab.wait(secs(200));
    assert_eq!(lab.back("203.0.113.2:9", port), Ok(ep(HOST)));
}
