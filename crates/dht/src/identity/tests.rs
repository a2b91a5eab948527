//! Two identities, and what they sign and encrypt.

use bytes::Bytes;
use natbed_units::Seed;

use super::{Identity, IdentityError};
use crate::id::Id;
use crate::value::{Body, Data, Value};

fn alice() -> Identity {
    Identity::from_pkcs8(include_bytes!("../../tests/data/keys/alice.pk8")).unwrap()
}

fn bob() -> Identity {
    Identity::from_pkcs8(include_bytes!("../../tests/data/keys/bob.pk8")).unwrap()
}

fn body(bytes: usize) -> Body {
    let user_type = Bytes::from_static(b"peer_request");
    Body { data: vec![7; bytes].into(), user_type, ..Body::default() }
}

#[test]
fn a_signed_value_survives_the_wire_and_says_whose_it_is() {
    let data = alice().sign(body(40), 3, None).unwrap();
    let value = Value { id: 9, data, priority: 0, push_type: Bytes::new() };
    let read = Value::decode(&value.encode()).unwrap();
    assert_eq!(read.data.verify().as_ref(), Ok(alice().public()));
    assert_ne!(alice().public().id(), bob().public().id());
}

#[test]
fn a_changed_or_unsigned_value_is_nobodys() {
    let Data::Open { mut body, signature } = alice().sign(body(40), 3, None).unwrap() else {
        panic!("a signed value is open");
    };
    let unsigned = Data::Open { body: body.clone(), signature: Bytes::new() };
    assert_eq!(unsigned.verify(), Err(IdentityError::NotSigned));
    body.kind = 1;
    let changed = Data::Open { body: body.clone(), signature: signature.clone() };
    assert_eq!(changed.verify(), Err(IdentityError::WrongSignature));
    body.owner.as_mut().unwrap().key = Bytes::from_static(b"no key");
    assert_eq!(Data::Open { body, signature }.verify(), Err(IdentityError::NotAKey));
}

#[test]
fn what_is_for_bob_only_bob_reads() {
    let bob_id = bob().public().id();
    for bytes in [10, 3_000] {
        let Data::Open { body, signature } = alice().sign(body(bytes), 0, Some(bob_id)).unwrap()
        else {
            panic!("a signed value is open");
        };
        let open = Data::encode_open(&body, &signature);
        let encrypt = |seed| bob().public().encrypt(&open, &mut Seed::new(seed).rng("dht"));
        let Ok(Data::Encrypted(encrypted)) = encrypt(1) else { panic!("it is encrypted") };
        assert_eq!(encrypt(1), Ok(Data::Encrypted(encrypted.clone())), "one seed, one ciphertext");
        assert_ne!(encrypt(2), Ok(Data::Encrypted(encrypted.clone())));
        assert_eq!(bob().decrypt(&encrypted).as_ref(), Ok(&body));
        assert_eq!(alice().decrypt(&encrypted), Err(IdentityError::NotDecrypted));
        for at in [0, encrypted.len() / 2, encrypted.len() - 1] {
            let mut changed = encrypted.to_vec();
            changed[at] ^= 1;
            assert!(bob().decrypt(&changed).is_err(), "byte {at} of {bytes}");
        }
        for length in [0, 100, 256, 260, encrypted.len() - 1] {
            assert!(bob().decrypt(&encrypted[..length.min(encrypted.len() - 1)]).is_err());
        }
    }
}

#[test]
fn what_was_not_meant_for_the_receiver_is_refused() {
    for to in [None, Some(Id::hash(b"somebody else"))] {
        let Data::Open { body, signature } = alice().sign(body(10), 0, to).unwrap() else {
            panic!("a signed value is open");
        };
        let open = Data::encode_open(&body, &signature);
        let encrypted = bob().public().encrypt(&open, &mut Seed::new(1).rng("dht"));
        let Ok(Data::Encrypted(encrypted)) = encrypted else { panic!("it is encrypted") };
        assert_eq!(bob().decrypt(&encrypted), Err(IdentityError::NotForUs));
    }
}

#[test]
fn identifiers_are_hashes_of_the_public_key() {
    // SHA-1 of nothing (FIPS 180-1).
    assert_eq!(Id::hash(b"").to_string(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    let public = alice().public().clone();
    assert_eq!(public.id(), Id::hash(public.der()));
    assert_ne!(public.long_id()[..20], public.id().as_bytes()[..]);
}
