//! What a device tells another one to be connected with: an ICE description as text, signed by the
//! one and encrypted for the other.

use bytes::Bytes;
use natbed_dht::{
    Body, ConnectionRequest, Data, Id, Identity, IdentityError, PublicIdentity, Value,
};
use natbed_units::SimRng;
use rand_core::Rng;

use crate::agent::IceDescription;

/// Candidates of each kind that a receiver keeps: of hosts, of relays, of all together (dhtnet's
/// `startIce`).
const HOSTS_MAX: usize = 8;
const RELAYS_MAX: usize = 4;
const CANDIDATES_MAX: usize = 31;
/// Words of a candidate up to its type; what follows says what it is related to, which is not sent.
const WORDS: usize = 8;

/// A request that has arrived, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) from: Id,
    pub(super) request: ConnectionRequest,
}

/// Signs and encrypts a request, so that it can be put.
pub(super) fn seal(
    request: &ConnectionRequest,
    from: &Identity,
    to: &PublicIdentity,
    rng: &mut SimRng,
) -> Result<Value, IdentityError> {
    let user_type = Bytes::from_static(ConnectionRequest::USER_TYPE.as_bytes());
    let body = Body { data: request.encode(), user_type, ..Body::default() };
    let Data::Open { body, signature } = from.sign(body, 0, Some(to.id()))? else {
        return Err(IdentityError::NoValue);
    };
    let data = to.encrypt(&Data::encode_open(&body, &signature), rng)?;
    let push_type = Bytes::copy_from_slice(request.connection_type.as_bytes());
    Ok(Value { id: rng.next_u64().max(1), data, priority: 0, push_type })
}

/// Decrypts and verifies what may be a request; `None` for anything else.
pub(super) fn open(value: &Value, own: &Identity) -> Option<Opened> {
    let Data::Encrypted(encrypted) = &value.data else { return None };
    let body = own.decrypt(encrypted).ok()?;
    if body.user_type != ConnectionRequest::USER_TYPE.as_bytes() {
        return None;
    }
    let request = ConnectionRequest::decode(&body.data).ok()?;
    let from = PublicIdentity::from_der(&body.owner?.key).ok()?.id();
    Some(Opened { from, request })
}

/// Writes a description as dhtnet does: credentials, then a candidate on each line.
pub(super) fn ice_text(description: &IceDescription) -> String {
    let mut text = format!("{}\n{}\n", description.ufrag, description.password);
    for candidate in &description.candidates {
        for (place, word) in candidate.split_ascii_whitespace().take(WORDS).enumerate() {
            match place {
                0 => text += word,
                // The transport; some write it in capitals, and it is compared in either case.
                2 => text += &format!(" {}", word.to_ascii_uppercase()),
                _ => text += &format!(" {word}"),
            }
        }
        text.push('\n');
    }
    text
}

/// Reads a description; of the candidates as many as a receiver keeps.
pub(super) fn ice_description(text: &str) -> Option<IceDescription> {
    let mut lines = text.lines();
    let (ufrag, password) = (lines.next()?.to_owned(), lines.next()?.to_owned());
    let (mut hosts, mut relays) = (0, 0);
    let mut candidates = Vec::new();
    for line in lines {
        let mut words: Vec<String> = line.split_ascii_whitespace().map(str::to_owned).collect();
        if words.len() < WORDS || candidates.len() == CANDIDATES_MAX {
            continue;
        }
        words[2] = words[2].to_ascii_lowercase();
        let (count, max) = match &*words[7] {
            "host" => (&mut hosts, HOSTS_MAX),
            "relay" => (&mut relays, RELAYS_MAX),
            _ => (&mut 0, CANDIDATES_MAX),
        };
        if *count < max {
            *count += 1;
            candidates.push(words.join(" "));
        }
    }
    Some(IceDescription { ufrag, password, candidates })
}

#[cfg(test)]
mod tests {
    use natbed_dht::ConnectionRequest;
    use natbed_units::Seed;

    use super::super::identities::identity;
    use super::{ice_description, ice_text, open, seal};
    use crate::agent::IceDescription;

    fn description(candidates: &[&str]) -> IceDescription {
        IceDescription {
            ufrag: "abcd".to_owned(),
            password: "secret".to_owned(),
            candidates: candidates.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn a_description_survives_without_what_its_candidates_are_related_to() {
        let host = "842163049 1 udp 2130706431 192.168.1.10 5660 typ host";
        let reflexive = "1 1 udp 1694498815 203.0.113.7 61000 typ srflx raddr 192.168.1.10 rport 5";
        let text = ice_text(&description(&[host, reflexive]));
        assert_eq!(
            text,
            "abcd\nsecret\n842163049 1 UDP 2130706431 192.168.1.10 5660 typ host\n\
             1 1 UDP 1694498815 203.0.113.7 61000 typ srflx\n"
        );
        let bare = "1 1 udp 1694498815 203.0.113.7 61000 typ srflx";
        assert_eq!(ice_description(&text), Some(description(&[host, bare])));
        assert_eq!(ice_description("abcd"), None);
        assert_eq!(ice_description("abcd\nsecret\nnonsense\n"), Some(description(&[])));
    }

    #[test]
    fn no_more_candidates_are_kept_than_dhtnet_does() {
        let of = |kind: &str| format!("1 1 udp 1 192.0.2.1 5 typ {kind}");
        let many: Vec<String> =
            ["host", "relay", "srflx"].iter().flat_map(|kind| vec![of(kind); 40]).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let kept = ice_description(&ice_text(&description(&many))).unwrap().candidates;
        let count = |kind| kept.iter().filter(|kept| **kept == of(kind)).count();
        assert_eq!((count("host"), count("relay"), kept.len()), (8, 4, 31));
    }

    #[test]
    fn what_alice_seals_for_bob_only_bob_opens_and_knows_whose_it_is() {
        let [alice, bob, eve] = [0, 1, 2].map(|number| identity(number).unwrap());
        let request = ConnectionRequest {
            id: 5,
            ice: ice_text(&description(&[])),
            is_answer: false,
            connection_type: "call".to_owned(),
        };
        let mut rng = Seed::new(1).rng("offer");
        let value = seal(&request, &alice, bob.public(), &mut rng).unwrap();
        let opened = open(&value, &bob).expect("it is for bob");
        assert_eq!((opened.from, &opened.request), (alice.public().id(), &request));
        assert_eq!(open(&value, &eve), None);
        assert_eq!(open(&value, &alice), None);
    }
}
