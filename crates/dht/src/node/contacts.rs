//! Nodes that are known from elsewhere than from messages.

use natbed_units::{SimDuration, SimTime};
use rand_core::Rng;

use super::{Node, Status, family};
use crate::limits::is_impossible;
use crate::message::Contact;
use crate::peers::{HEARD_LIFE, Heard};

impl Node {
    /// Takes a node in that was told of from elsewhere: by the discovery on the LAN, or in a table
    /// that was saved.
    ///
    /// It is not asked at once, but when the table is looked after next; if the table was empty, that
    /// is in a second.
    pub fn insert(&mut self, now: SimTime, contact: Contact) {
        if is_impossible(contact.address) {
            return;
        }
        self.hear(now, contact.id, contact.address, Heard::Hearsay);
        self.update_status(now);
    }

    /// Takes a node in as if it had answered just now: one of a network that is settled already.
    ///
    /// With this a simulation begins with nodes that know each other, which would otherwise take
    /// them minutes. Of each it counts as heard at some time within the coming ten minutes: in a
    /// network that has existed for long, not all that a node knows grows old at the same moment.
    pub fn know(&mut self, now: SimTime, contact: Contact) {
        if is_impossible(contact.address) {
            return;
        }
        self.hear(now, contact.id, contact.address, Heard::Answered);
        let later = now + SimDuration::from_nanos(self.rng.next_u64() % HEARD_LIFE.as_nanos());
        if let Some(network) = &mut self.networks[family(contact.address)] {
            network.peers.prolong(contact.id, later);
        }
        if self.status != Status::Connected {
            self.update_status(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use natbed_units::{Seed, SimDuration, SimTime};

    use crate::id::Id;
    use crate::message::{Contact, Message, Payload, Query};
    use crate::node::{Event, Node, NodeConfig, Status};

    fn node() -> Node {
        Node::new(SimTime::ZERO, NodeConfig::default(), Seed::new(1))
    }

    fn contact(n: u32) -> Contact {
        let bits = n.reverse_bits().to_be_bytes();
        let id = Id::hash(&bits);
        Contact { id, address: SocketAddr::from(([192, 168, bits[0], bits[1]], 4222)) }
    }

    fn sent(node: &mut Node) -> Vec<(SocketAddr, Message)> {
        let sent = std::iter::from_fn(|| node.poll_transmit());
        sent.map(|(to, datagram)| (to, Message::decode(&datagram).unwrap())).collect()
    }

    #[test]
    fn an_inserted_node_is_asked_after_a_second_if_the_table_was_cold() {
        let mut node = node();
        node.handle_timeout(SimTime::ZERO);
        node.insert(SimTime::ZERO, contact(1));
        assert_eq!(sent(&mut node), [], "not at once");
        assert_eq!(node.status(), Status::Connecting, "it is known, and not known to be there");
        assert_eq!(node.contacts().collect::<Vec<_>>(), [contact(1)]);
        let second = SimTime::ZERO + SimDuration::from_secs(1);
        assert_eq!(node.poll_timeout(), second);
        node.handle_timeout(second);
        let [(to, message)] = &sent(&mut node)[..] else { panic!("one request") };
        assert_eq!(*to, contact(1).address);
        assert!(matches!(message.payload, Payload::Query(_, Query::Find { .. })));
    }

    #[test]
    fn a_second_insertion_does_not_hasten_anything() {
        let mut node = node();
        node.handle_timeout(SimTime::ZERO);
        node.insert(SimTime::ZERO, contact(1));
        let at = |secs| SimTime::ZERO + SimDuration::from_secs(secs);
        node.handle_timeout(at(1));
        let _ = sent(&mut node);
        node.insert(at(2), contact(2));
        node.handle_timeout(at(3));
        let to_second = |(to, _): &(SocketAddr, Message)| *to == contact(2).address;
        assert!(!sent(&mut node).iter().any(to_second));
    }

    #[test]
    fn known_nodes_are_good_at_once_and_told_of() {
        let mut node = node();
        for n in 0..100 {
            node.know(SimTime::ZERO, contact(n));
        }
        assert_eq!(node.status(), Status::Connected);
        assert_eq!(node.poll_event(), Some(Event::Status(Status::Connected)));
        let known = node.contacts().count();
        assert!((24..=100).contains(&known), "buckets of eight: {known}");
        assert_eq!(sent(&mut node), [], "nothing is asked");
        let find = Query::Find { target: Id::ZERO, families: Default::default() };
        let payload = Payload::Query(Id::MAX, find);
        let message = Message {
            payload,
            transaction: 1,
            network: 0,
            agent: Default::default(),
            is_client: true,
        };
        node.handle_datagram(SimTime::ZERO, contact(200).address, &message.encode());
        let [(_, answer)] = &sent(&mut node)[..] else { panic!("one answer") };
        let Payload::Reply(_, reply) = &answer.payload else { panic!("a reply") };
        assert_eq!(reply.contacts_v4.as_ref().map(Vec::len), Some(8));
    }

    #[test]
    fn known_nodes_grow_old_one_after_the_other() {
        let mut node = node();
        (0..100).for_each(|n| node.know(SimTime::ZERO, contact(n)));
        let good = |minutes: u64| {
            let at = SimTime::ZERO + SimDuration::from_secs(60 * minutes);
            let network = node.networks[0].as_ref().unwrap();
            network.table.nodes(&network.peers).filter(|(_, peer)| peer.is_good(at)).count()
        };
        let all = node.contacts().count();
        assert_eq!((good(0), good(9)), (all, all));
        let half = good(15);
        assert!((all / 4..=all * 3 / 4).contains(&half), "{half} of {all}");
        assert_eq!(good(20), 0);
    }

    #[test]
    fn impossible_addresses_are_not_taken_in() {
        let mut node = node();
        for address in ["0.1.2.3:4222", "224.0.0.1:4222", "192.0.2.1:0"] {
            let contact = Contact { address: address.parse().unwrap(), ..contact(1) };
            node.insert(SimTime::ZERO, contact);
            node.know(SimTime::ZERO, contact);
        }
        assert_eq!(node.contacts().count(), 0);
    }
}
