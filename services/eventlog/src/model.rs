//! A model of the protocol without a database: who appends, follows, rebuilds and reacts, statement by statement, in
//! random order, with crashes, sleep and lost answers in between.
//!
//! It shows two things: with all its guards the protocol keeps its promises in every schedule that was tried, and each
//! guard is needed, for without it some schedule breaks a promise. `WARDLOG_MODEL_STEPS` sets how many steps are taken,
//! `WARDLOG_MODEL_SEED` where the schedules begin.

mod explore;
mod guards;
mod log;
mod process;
mod reactor;
mod rebuild;
mod view;
mod world;

use explore::{explore, shrink};
use guards::{Broken, Guard, Guards};
use world::WEIGHTS;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Explores without some guards until `broken` is found, and prints the shortest schedule that shows it.
#[track_caller]
fn without(guards: &'static [Guard], broken: Broken) {
    let guards = Guards { without: guards };
    let explored = explore(guards, 1, 400_000, Some(broken));
    let found: Vec<Broken> = explored.found.keys().copied().collect();
    let Some((seed, schedule)) = explored.found.get(&broken) else {
        panic!("without {:?}: expected {broken:?} in {} steps, found {found:?}", guards.without, explored.steps)
    };
    println!("without {:?}: {broken:?} after {} steps, seed {seed}:", guards.without, explored.steps);
    println!("  {:?}", shrink(guards, schedule, broken));
}

/// Explores without some guards, and finds nothing else than `broken`.
#[track_caller]
fn without_only(guards: &'static [Guard], broken: &[Broken]) {
    let explored = explore(Guards { without: guards }, 1, 200_000, None);
    assert!(explored.found.keys().eq(broken), "without {guards:?}: found {:?}", explored.found.keys());
}

#[test]
fn no_schedule_breaks_a_promise() {
    let seed = setting("WARDLOG_MODEL_SEED").unwrap_or(1);
    let steps = setting("WARDLOG_MODEL_STEPS").map_or(500_000, |steps| usize::try_from(steps).unwrap());
    let explored = explore(Guards::ALL, seed, steps, None);
    println!("{} steps of {} schedules from WARDLOG_MODEL_SEED={seed} on", explored.steps, explored.schedules);
    for (broken, (seed, schedule)) in &explored.found {
        println!("{broken:?}, seed {seed}: {:?}", shrink(Guards::ALL, schedule, *broken));
    }
    assert!(explored.found.is_empty());
    let rare: Vec<_> = WEIGHTS.iter().filter(|(act, _)| explored.taken.get(act).is_none_or(|n| *n < 100)).collect();
    assert!(rare.is_empty() || steps < 100_000, "hardly tried: {rare:?}");
}

#[test]
fn without_the_lock_appends_that_conflict_with_nothing_fail() {
    without_only(&[Guard::Lock], &[Broken::Refused]);
}

#[test]
fn with_a_snapshot_older_than_the_lock_appends_that_conflict_with_nothing_fail() {
    without(&[Guard::FreshSnapshot], Broken::Refused);
}

#[test]
fn the_unique_keys_are_a_second_bar_behind_the_lock() {
    without_only(&[Guard::Unique], &[]);
    without(&[Guard::Lock, Guard::Unique], Broken::Offsets);
    without(&[Guard::Lock, Guard::Unique], Broken::Versions);
    without(&[Guard::Lock, Guard::Unique], Broken::Twice);
    without(&[Guard::FreshSnapshot, Guard::Unique], Broken::Offsets);
}

#[test]
fn offsets_of_a_sequence_have_gaps_and_without_the_lock_come_late() {
    without(&[Guard::Tail], Broken::Offsets);
    without(&[Guard::Lock, Guard::Tail], Broken::Late);
}

#[test]
fn a_fold_that_refuses_gaps_is_a_second_bar_behind_dense_offsets() {
    without_only(&[Guard::Dense], &[]);
    without(&[Guard::Lock, Guard::Tail, Guard::Dense], Broken::NoReplay);
}

#[test]
fn an_append_that_does_not_look_for_its_command_id_fails_or_happens_twice() {
    without(&[Guard::Idempotency], Broken::Refused);
    without(&[Guard::Idempotency, Guard::Unique], Broken::Twice);
}

#[test]
fn an_append_that_does_not_compare_the_version_fails_or_gives_one_twice() {
    without(&[Guard::Version], Broken::Refused);
    without(&[Guard::Version, Guard::Unique], Broken::Versions);
}

#[test]
fn a_command_tried_again_with_another_id_happens_twice() {
    without(&[Guard::SameIdOnUnknown], Broken::Twice);
}

#[test]
fn who_asks_for_an_unknown_outcome_without_the_lock_is_told_what_is_not_so() {
    without(&[Guard::AskUnderLock], Broken::Denied);
}

#[test]
fn a_checkpoint_that_does_not_compare_the_offset_folds_twice() {
    without(&[Guard::CompareOffset], Broken::NoReplay);
}

/// The offset alone keeps the view right, for a fold says the same whoever does it; the epoch keeps out who was replaced.
#[test]
fn a_checkpoint_that_does_not_compare_the_epoch_lets_in_who_holds_it_no_more_and_harms_nothing_else() {
    without_only(&[Guard::CompareEpoch], &[Broken::NotHolder]);
}

#[test]
fn rows_and_checkpoint_in_two_transactions_come_apart() {
    without(&[Guard::OneTransaction], Broken::NoReplay);
}

#[test]
fn an_event_is_folded_and_passed_over_if_the_decision_does_not_hold_the_checkpoint() {
    without(&[Guard::SkipHoldsCheckpoint], Broken::NoReplay);
    without(&[Guard::SkipsAfterLock], Broken::NoReplay);
}

#[test]
fn a_generation_may_hold_what_was_passed_over_since() {
    without(&[Guard::SkipsBindGenerations], Broken::NoReplay);
}

#[test]
fn a_generation_shown_amid_a_fold_or_without_its_offsets_is_wrong() {
    without(&[Guard::ShowHoldsCheckpoints], Broken::NoReplay);
    without(&[Guard::ShowSwapsOffsets], Broken::NoReplay);
}

#[test]
fn a_generation_that_has_folded_less_is_not_shown_by_mistake() {
    without_only(&[Guard::ShowNotBehind], &[Broken::FellBehind]);
}

#[test]
fn a_reaction_with_an_id_of_its_own_happens_twice() {
    without(&[Guard::ReactionByPosition], Broken::Twice);
}

#[test]
fn of_two_reactors_that_share_ids_one_does_nothing() {
    without(&[Guard::ReactionByReactor], Broken::Unreacted);
}

#[test]
fn who_chooses_a_command_id_like_a_reactions_forestalls_the_reaction() {
    without(&[Guard::ReactionIdsReserved], Broken::Unreacted);
}

#[test]
fn a_reactor_that_moves_its_checkpoint_first_loses_reactions() {
    without(&[Guard::ReactFirst], Broken::Unreacted);
}
