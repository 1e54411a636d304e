//! Who folds which partition: the rule by which the followers of a view share it out among themselves, without a master.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use uuid::Uuid;

use crate::Partition;

/// How often a follower shows that it lives and looks after the others.
pub(crate) const TEND: Duration = Duration::from_secs(1);

/// How long a heartbeat may stand still, by the clock of who watches it, before its partitions are taken over.
const LAPSE: Duration = Duration::from_secs(10);

/// A partition of a view as it is leased now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) partition: Partition,
    pub(crate) epoch: i64,
    pub(crate) follower: Option<Uuid>,
}

/// A change of hands: it holds if the lease's epoch is still the one that it was decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) lease: Lease,
    pub(crate) to: Option<Uuid>,
}

/// A follower's row, and whether the connection that it keeps open for this is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pulse {
    pub(crate) follower: Uuid,
    pub(crate) beats: i64,
    pub(crate) connected: bool,
}

/// What one follower has seen of the heartbeats, by its own clock.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: BTreeMap<Uuid, (i64, Duration)>,
}

impl Watch {
    /// Who lives, as of a look at all pulses `elapsed` after the look before.
    ///
    /// A long pause of the watcher itself (stopped, or a suspended machine) counts as a short one: those that it watches
    /// may have slept with it.
    pub(crate) fn alive(&mut self, elapsed: Duration, pulses: &[Pulse]) -> BTreeSet<Uuid> {
        let elapsed = elapsed.min(TEND * 2);
        let before = std::mem::take(&mut self.seen);
        for pulse in pulses {
            let still = match before.get(&pulse.follower) {
                Some((beats, still)) if *beats == pulse.beats => *still + elapsed,
                _ => Duration::ZERO,
            };
            self.seen.insert(pulse.follower, (pulse.beats, still));
        }
        let lives = |pulse: &&Pulse| pulse.connected && self.seen.get(&pulse.follower).is_some_and(|(_, s)| *s < LAPSE);
        pulses.iter().filter(lives).map(|pulse| pulse.follower).collect()
    }
}

/// What `me` has to move so that the living share the partitions evenly: each sees the same, works out the same shares,
/// and takes what nobody living holds and it is due, or gives of its own what is beyond its share. One that is leaving
/// is not among the living and gives all.
pub(crate) fn moves(me: Uuid, living: &BTreeSet<Uuid>, leases: &[Lease]) -> Vec<Move> {
    let mut room = shares(living, leases.len());
    let mut loose = Vec::new();
    for lease in leases {
        match lease.follower.and_then(|follower| room.get_mut(&follower)) {
            Some(share) if *share > 0 => *share -= 1,
            _ => loose.push(*lease),
        }
    }
    let places = room.iter().flat_map(|(follower, share)| std::iter::repeat_n(Some(*follower), *share));
    let places = places.chain(std::iter::repeat(None));
    let moves = loose.into_iter().zip(places).map(|(lease, to)| Move { lease, to });
    moves.filter(|change| change.is_for(me, living)).collect()
}

impl Move {
    fn is_for(&self, me: Uuid, living: &BTreeSet<Uuid>) -> bool {
        match self.lease.follower {
            Some(holder) if holder == me => self.to != Some(me),
            Some(holder) if living.contains(&holder) => false,
            _ => self.to == Some(me),
        }
    }
}

/// How many of `count` partitions each of the living is due; they differ by one at most.
fn shares(living: &BTreeSet<Uuid>, count: usize) -> BTreeMap<Uuid, usize> {
    let all = living.len().max(1);
    living.iter().enumerate().map(|(rank, id)| (*id, count / all + usize::from(rank < count % all))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(n: u8) -> Uuid {
        Uuid::from_u128(u128::from(n))
    }

    fn counts(leases: &[Lease]) -> BTreeMap<Option<Uuid>, usize> {
        leases.iter().fold(BTreeMap::new(), |mut counts, lease| {
            *counts.entry(lease.follower).or_default() += 1;
            counts
        })
    }

    fn carry_out(leases: &mut [Lease], moves: Vec<Move>) {
        for change in moves {
            let lease = leases.iter_mut().find(|lease| **lease == change.lease).expect("nobody else moved it");
            lease.epoch += 1;
            lease.follower = change.to;
        }
    }

    fn held(holders: &[Option<u8>]) -> Vec<Lease> {
        let lease =
            |(n, holder): (i16, &Option<u8>)| Lease { partition: Partition(n), epoch: 0, follower: holder.map(id) };
        (0..).zip(holders).map(lease).collect()
    }

    proptest! {
        #[test]
        fn one_look_of_everybody_shares_the_partitions_evenly_and_a_second_moves_nothing(
            holders in prop::collection::vec(prop::option::of(0_u8..9), 64),
            living in prop::collection::btree_set(0_u8..9, 1..9),
        ) {
            let living: BTreeSet<Uuid> = living.into_iter().map(id).collect();
            let mut leases = held(&holders);
            let seen = leases.clone();
            for me in &living {
                carry_out(&mut leases, moves(*me, &living, &seen));
            }
            let counts = counts(&leases);
            prop_assert!(counts.keys().all(|holder| holder.is_some_and(|holder| living.contains(&holder))));
            let (least, most) = (counts.values().min(), counts.values().max());
            prop_assert!(counts.len() == living.len().min(64) && most.zip(least).is_some_and(|(m, l)| m - l <= 1));
            for me in &living {
                prop_assert_eq!(moves(*me, &living, &leases), vec![]);
            }
        }

        #[test]
        fn who_leaves_gives_everything_to_those_who_stay_and_takes_nothing_of_theirs(
            holders in prop::collection::vec(0_u8..4, 64),
            stay in prop::collection::btree_set(1_u8..4, 0..4),
        ) {
            let stay: BTreeSet<Uuid> = stay.into_iter().map(id).collect();
            let mut leases = held(&holders.into_iter().map(Some).collect::<Vec<_>>());
            let before = leases.clone();
            carry_out(&mut leases, moves(id(0), &stay, &before));
            for (before, after) in before.iter().zip(&leases) {
                if before.follower == Some(id(0)) {
                    prop_assert!(after.follower.map_or(stay.is_empty(), |to| stay.contains(&to)));
                } else {
                    prop_assert_eq!(before, after);
                }
            }
        }
    }

    #[test]
    fn a_heartbeat_that_stands_still_for_ten_seconds_of_the_watcher_has_lapsed() {
        let (mut watch, beats) = (Watch::default(), |beats| [Pulse { follower: id(1), beats, connected: true }]);
        assert_eq!(watch.alive(Duration::ZERO, &beats(5)).len(), 1);
        for second in 1..=9 {
            assert_eq!(watch.alive(TEND, &beats(5)).len(), 1, "after {second} s");
        }
        assert!(watch.alive(TEND, &beats(5)).is_empty());
        assert_eq!(watch.alive(TEND, &beats(6)).len(), 1, "it lives after all");
    }

    #[test]
    fn a_watcher_that_slept_itself_takes_nobody_for_dead() {
        let (mut watch, pulse) = (Watch::default(), [Pulse { follower: id(1), beats: 5, connected: true }]);
        watch.alive(Duration::ZERO, &pulse);
        assert_eq!(watch.alive(Duration::from_hours(1), &pulse).len(), 1);
    }

    #[test]
    fn one_whose_connection_is_gone_is_dead_at_once() {
        let pulse = Pulse { follower: id(1), beats: 5, connected: false };
        assert!(Watch::default().alive(Duration::ZERO, &[pulse]).is_empty());
    }
}
