//! Random schedules of the model, and the shortest that shows what was found.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    guards::{Broken, Guards},
    world::{Act, Step, WEIGHTS, World},
};

/// How many steps are drawn for a schedule; those that cannot be taken are left out of it.
const DRAWN: usize = 500;

/// Numbers that follow from a seed (splitmix64), so that a schedule can be drawn again.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }

    fn step(&mut self) -> Step {
        let mut at = self.below(WEIGHTS.iter().map(|(_, weight)| weight).sum());
        let drawn = WEIGHTS.iter().find(|(_, weight)| {
            let found = at < *weight;
            at = at.saturating_sub(*weight);
            found
        });
        let (act, _) = drawn.unwrap();
        Step(*act, usize::try_from(self.below(24)).unwrap())
    }
}

/// What was found in some schedules.
#[derive(Debug, Default)]
pub(super) struct Explored {
    pub(super) steps: usize,
    pub(super) schedules: usize,
    /// How often each act was taken.
    pub(super) taken: BTreeMap<Act, usize>,
    /// Of each broken promise the first schedule that broke it, and its seed.
    pub(super) found: BTreeMap<Broken, (u64, Vec<Step>)>,
}

/// Goes through schedules from `seed` on, until `steps` have been taken or `until` was found.
pub(super) fn explore(guards: Guards, seed: u64, steps: usize, until: Option<Broken>) -> Explored {
    let mut explored = Explored::default();
    for seed in seed.. {
        let found = until.is_some_and(|broken| explored.found.contains_key(&broken));
        if explored.steps >= steps || found {
            break;
        }
        let (schedule, broken) = run(guards, seed);
        explored.steps += schedule.len();
        explored.schedules += 1;
        for Step(act, _) in &schedule {
            *explored.taken.entry(*act).or_default() += 1;
        }
        for broken in broken {
            explored.found.entry(broken).or_insert_with(|| (seed, schedule.clone()));
        }
    }
    explored
}

/// Draws one schedule and takes it.
fn run(guards: Guards, seed: u64) -> (Vec<Step>, BTreeSet<Broken>) {
    let (mut draw, mut world) = (Draw(seed.wrapping_mul(0xD134_2543_DE82_EF95)), World::new(guards));
    let mut schedule = Vec::new();
    for _ in 0..DRAWN {
        let step = draw.step();
        if world.step(step) {
            schedule.push(step);
            world.broken();
        }
    }
    let broken = world.settle();
    (schedule, broken)
}

fn breaks(guards: Guards, schedule: &[Step], broken: Broken) -> bool {
    let mut world = World::new(guards);
    for step in schedule {
        world.step(*step);
        if world.broken().contains(&broken) {
            return true;
        }
    }
    world.settle().contains(&broken)
}

/// Leaves out of a schedule what it does not need in order to break the same promise.
pub(super) fn shrink(guards: Guards, schedule: &[Step], broken: Broken) -> Vec<Step> {
    let mut shortest = schedule.to_vec();
    let mut chunk = shortest.len().next_power_of_two();
    while chunk > 0 {
        let (mut at, before) = (0, shortest.len());
        while at < shortest.len() {
            let mut shorter = shortest.clone();
            shorter.drain(at..(at + chunk).min(shortest.len()));
            if breaks(guards, &shorter, broken) {
                shortest = shorter;
            } else {
                at += chunk;
            }
        }
        // Once a step is gone others may be needed no more.
        chunk = if chunk == 1 && shortest.len() < before { 1 } else { chunk / 2 };
    }
    shortest
}
