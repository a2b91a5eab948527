//! Properties of every packet in every network: random topologies, traffic and outages.

use std::collections::BTreeMap;

use natbed_network::observe::{Capture, Counters, TraceHash};
use natbed_network::{Hop, Observer, PipeId, Step};
use natbed_units::SimTime;
use proptest::prelude::*;

use crate::pcapng;
use crate::random::{Game, Pace, plan};

/// Where a packet is in its life.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    AtANode,
    In(PipeId),
    Delivered,
    Taken,
    Joined,
    Lost,
}

/// Checks each step of each packet against the one before.
#[derive(Debug, Default)]
struct Lifecycles {
    stages: BTreeMap<u64, Stage>,
    made: u64,
    last: SimTime,
}

impl Lifecycles {
    fn count(&self, stage: Stage) -> u64 {
        self.stages.values().filter(|at| **at == stage).count() as u64
    }
}

impl Observer for Lifecycles {
    fn observe(&mut self, hop: &Hop<'_>) {
        assert!(hop.at >= self.last, "time goes back at {hop:?}");
        self.last = hop.at;
        let before = self.stages.get(&hop.id).copied();
        let after = match (before, hop.step) {
            (None, Step::Sent) => Stage::AtANode,
            (None, Step::Made(of)) => {
                assert!(self.stages.contains_key(&of), "made of nothing: {hop:?}");
                self.made += 1;
                Stage::AtANode
            }
            (Some(Stage::AtANode), Step::Joined(whole)) => {
                assert_eq!(self.stages.get(&whole), Some(&Stage::AtANode), "{hop:?}");
                Stage::Joined
            }
            (Some(Stage::AtANode), Step::Taken(_)) => Stage::Taken,
            (Some(Stage::AtANode), Step::Entered(pipe)) => Stage::In(pipe),
            (Some(Stage::In(pipe)), Step::Left(same)) if pipe == same => Stage::AtANode,
            (Some(Stage::AtANode), Step::Translated(..)) => Stage::AtANode,
            (Some(Stage::AtANode), Step::Delivered(_)) => Stage::Delivered,
            // From within a pipe if that has gone down.
            (Some(Stage::AtANode | Stage::In(_)), Step::Dropped(..)) => Stage::Lost,
            (Some(Stage::Delivered), Step::Refused(..)) => Stage::Lost,
            _ => panic!("after {before:?} comes {hop:?}"),
        };
        self.stages.insert(hop.id, after);
    }
}

proptest! {
    #[test]
    fn every_packet_sent_is_delivered_or_dropped_for_a_reason(plan in plan()) {
        let mut game = Game::new(&plan, (Lifecycles::default(), Counters::default()));
        game.play(&plan, Pace::EachEvent);
        let (lives, counters) = game.network.observer();
        prop_assert_eq!(game.network.packets_in_flight(), 0);
        prop_assert_eq!(counters.sent() + counters.made(), lives.stages.len() as u64);
        prop_assert_eq!(counters.made(), lives.made);
        prop_assert_eq!(counters.joined(), lives.count(Stage::Joined));
        let taken = lives.count(Stage::Delivered) + lives.count(Stage::Taken);
        prop_assert_eq!(counters.delivered(), taken);
        let dropped: u64 = counters.dropped().values().sum();
        prop_assert_eq!(dropped, lives.count(Stage::Lost));
        let ended = counters.delivered() + counters.joined() + dropped;
        prop_assert_eq!(counters.sent() + counters.made(), ended);
        for (reason, count) in counters.dropped() {
            let at_places = counters.dropped_at().filter(|(why, ..)| *why == reason);
            prop_assert_eq!(at_places.map(|(.., count)| count).sum::<u64>(), count);
        }
    }

    #[test]
    fn how_often_the_network_is_called_changes_nothing(plan in plan()) {
        let traces = [Pace::EachEvent, Pace::EachEvent, Pace::OnceAtTheEnd, Pace::Irregular].map(|pace| {
            let mut game = Game::new(&plan, (TraceHash::default(), Counters::default()));
            game.play(&plan, pace);
            (game.network.events(), game.network.into_observer())
        });
        prop_assert_eq!(&traces[0], &traces[1], "the same again");
        prop_assert_eq!(&traces[0], &traces[2], "in one go");
        prop_assert_eq!(&traces[0], &traces[3], "irregularly");
    }

    #[test]
    fn every_packet_is_in_the_capture_as_often_as_it_was_seen(plan in plan()) {
        let mut game = Game::new(&plan, (Seen::default(), None));
        let capture = Capture::new(Vec::new(), natbed_packet::pcapng::EPOCH_UNIX_NANOS, &game.network).unwrap();
        game.network.observer_mut().1 = Some(capture);
        game.play(&plan, Pace::EachEvent);
        let link_count = game.network.link_count();
        let (seen, capture) = game.network.into_observer();
        let file = pcapng::File::read(&capture.unwrap().finish().unwrap());
        prop_assert_eq!(file.interfaces.len(), 2 * link_count);
        let commented = |word: &str| {
            let comments = file.packets.iter().filter_map(|packet| packet.comment.as_ref());
            comments.map(|comment| comment.matches(word).count() as u64).sum::<u64>()
        };
        prop_assert_eq!(commented("nat "), seen.translated);
        prop_assert_eq!(commented("dropped: "), seen.dropped);
        prop_assert_eq!(commented("refused: "), seen.refused);
        prop_assert!(file.packets.len() as u64 >= seen.at_link_ends);
        prop_assert!(file.packets.len() as u64 <= seen.at_link_ends + seen.dropped + seen.refused);
    }
}

/// Counts what a capture has to show.
#[derive(Debug, Default)]
struct Seen {
    at_link_ends: u64,
    translated: u64,
    dropped: u64,
    refused: u64,
}

impl Observer for Seen {
    fn observe(&mut self, hop: &Hop<'_>) {
        if natbed_packet::wire::encode(hop.packet).is_err() {
            return;
        }
        match hop.step {
            Step::Entered(_) | Step::Left(_) => self.at_link_ends += 1,
            Step::Translated(..) => self.translated += 1,
            Step::Dropped(..) => self.dropped += 1,
            Step::Refused(..) => self.refused += 1,
            Step::Sent | Step::Made(_) | Step::Joined(_) | Step::Delivered(_) | Step::Taken(_) => {}
        }
    }
}
