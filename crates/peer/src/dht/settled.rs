//! Whom the nodes of a swarm know that has existed for long.

use natbed_dht::{Contact, Id};

/// Bits of an identifier.
const BITS: u32 = 8 * Id::LENGTH as u32;
/// Nodes in a full bucket of a routing table.
const BUCKET: usize = 8;

/// Returns, for each of `nodes`, those of the others that its routing table has: of every distance
/// at most eight, and the eight that are closest to it.
///
/// Which eight of a greater distance follows from the node's own identifier, so that no node is in
/// everybody's table. Takes time in proportion to the answer, not to the square of the swarm.
#[must_use]
pub fn settled_contacts(nodes: &[Contact]) -> Vec<Vec<Contact>> {
    let mut sorted: Vec<Contact> = nodes.to_vec();
    sorted.sort_by_key(|node| node.id);
    nodes.iter().map(|node| contacts_of(node.id, &sorted)).collect()
}

fn contacts_of(own: Id, sorted: &[Contact]) -> Vec<Contact> {
    let mut contacts = Vec::new();
    // Those that agree with `own` in the first `bit` bits: a range, as they are sorted.
    let mut alike = sorted;
    for bit in 0..BITS {
        if alike.len() <= 1 {
            break;
        }
        let middle = alike.partition_point(|node| !node.id.bit(bit));
        let (zeros, ones) = alike.split_at(middle);
        let (same, other) = if own.bit(bit) { (ones, zeros) } else { (zeros, ones) };
        if same.len() <= BUCKET {
            let mut near = other.to_vec();
            near.sort_by_key(|node| node.id.distance(own));
            contacts.extend(near.into_iter().take(BUCKET));
        } else if !other.is_empty() {
            let start = own.as_bytes()[Id::LENGTH - 1] as usize % other.len();
            let around = other.iter().cycle().skip(start);
            contacts.extend(around.take(other.len().min(BUCKET)));
        }
        alike = same;
    }
    contacts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::SocketAddr;

    use natbed_dht::{Contact, Id};

    use super::{BITS, settled_contacts};

    fn nodes(count: u16) -> Vec<Contact> {
        let address = |n| SocketAddr::from(([198, 19, (n >> 8) as u8, n as u8], 4222));
        (0..count)
            .map(|n| Contact { id: Id::hash(&n.to_be_bytes()), address: address(n) })
            .collect()
    }

    #[test]
    fn everybody_knows_all_in_a_small_swarm_and_nobody_itself() {
        let nodes = nodes(9);
        for (node, contacts) in nodes.iter().zip(settled_contacts(&nodes)) {
            let known: BTreeSet<Id> = contacts.iter().map(|contact| contact.id).collect();
            assert_eq!(known.len(), contacts.len(), "each once");
            assert!(!known.contains(&node.id));
        }
        assert_eq!(settled_contacts(&nodes[..1]), [vec![]]);
    }

    #[test]
    fn a_large_one_is_known_by_distance_and_the_closest_all() {
        let nodes = nodes(1_000);
        for (node, contacts) in nodes.iter().zip(settled_contacts(&nodes)) {
            let mut of_distance = [0; BITS as usize];
            for contact in &contacts {
                of_distance[contact.id.common_bits(node.id) as usize] += 1;
            }
            assert!(of_distance.iter().all(|count| *count <= 8));
            assert_eq!(of_distance[0], 8, "of the far half");
            let mut others: Vec<_> = nodes.iter().filter(|other| other.id != node.id).collect();
            others.sort_by_key(|other| other.id.distance(node.id));
            assert!(others[..8].iter().all(|other| contacts.contains(other)), "the closest");
        }
    }

    #[test]
    fn no_node_is_known_by_everybody() {
        let nodes = nodes(1_000);
        let all: Vec<_> = settled_contacts(&nodes).into_iter().flatten().collect();
        let most = nodes.iter().map(|node| all.iter().filter(|c| c.id == node.id).count()).max();
        assert!(most < Some(400), "{most:?}");
    }
}
