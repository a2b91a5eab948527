//! Every profile in the catalogue.

use natbed_nat::profiles;

use crate::agrees;

#[test]
fn every_profile() {
    for profile in profiles() {
        println!("{}", profile.name);
        agrees(&profile.behaviour);
    }
}
