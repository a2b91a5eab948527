//! The identities of devices: fixed keys of RSA with 2048 bits, made once for tests.
//!
//! Making keys would take longer than a whole run, and nothing here is secret. Jami's devices have
//! 4096 bits, which makes their requests a fragment longer, not different.

use natbed_dht::{Identity, IdentityError};

/// How many devices can have an identity of their own in one run.
pub const IDENTITIES_MAX: usize = 32;

macro_rules! keys {
    ($($number:literal)*) => {
        [$(include_bytes!(concat!("keys/", $number, ".pk8")).as_slice()),*]
    };
}

const KEYS: [&[u8]; IDENTITIES_MAX] = keys!(
    "00" "01" "02" "03" "04" "05" "06" "07" "08" "09" "10" "11" "12" "13" "14" "15"
    "16" "17" "18" "19" "20" "21" "22" "23" "24" "25" "26" "27" "28" "29" "30" "31"
);

/// Returns the identity with this number.
///
/// # Errors
///
/// [`IdentityError::NotAKey`] from [`IDENTITIES_MAX`] on.
pub(super) fn identity(number: usize) -> Result<Identity, IdentityError> {
    Identity::from_pkcs8(KEYS.get(number).ok_or(IdentityError::NotAKey)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{IDENTITIES_MAX, identity};

    #[test]
    fn there_are_as_many_different_identities_as_promised() {
        let ids: BTreeSet<_> =
            (0..IDENTITIES_MAX).map(|number| identity(number).unwrap().public().id()).collect();
        assert_eq!(ids.len(), IDENTITIES_MAX);
        assert!(identity(IDENTITIES_MAX).is_err());
    }
}
