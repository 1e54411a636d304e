//! For any sequence of batches with duplicates, reordering and retries, the counts are those of the set of distinct events.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use filtering::Shape;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;

use crate::given::{House, now};

/// What a sender may do with the events 0..N, each of which has an id or not.
#[derive(Debug, Clone)]
struct History {
    /// Batches of event numbers; an event with an id may be in several, in any order.
    batches: Vec<Vec<u8>>,
    /// The order in which batches are sent, with repeats: retries of a batch under its own id.
    sends: Vec<prop::sample::Index>,
    /// After which sends the view folds.
    folds: Vec<bool>,
}

fn histories() -> impl Strategy<Value = History> {
    (1_usize..6).prop_flat_map(|count| {
        (
            vec(vec(0_u8..40, 1..25), count),
            vec(any::<prop::sample::Index>(), count..3 * count),
            vec(any::<bool>(), 3 * count),
        )
            .prop_map(|(batches, sends, folds)| History { batches, sends, folds })
    })
}

const CATEGORIES: [&str; 4] = ["gambling", "self-harm-suicide", "education", "proxy-bypass"];
const ACTIONS: [&str; 3] = ["blocked", "allowed", "warned"];

/// Event `n`: even ones carry an id; odd ones do not, so each time one is sent in a new batch it is a new event.
fn line(n: u8) -> String {
    let time = now() - TimeDelta::minutes(i64::from(n) * 90);
    let mut event = json!({
        "time": time.to_rfc3339(),
        "action": ACTIONS[usize::from(n) % ACTIONS.len()],
        "host": "a.example",
        "category": [CATEGORIES[usize::from(n) % CATEGORIES.len()]],
    });
    if has_id(n) {
        event["id"] = json!(format!("event-{n}"));
    }
    event.to_string()
}

fn has_id(n: u8) -> bool {
    n.is_multiple_of(2)
}

/// What must be counted: each event with an id once, if it was in a batch that was sent; each without as often as it
/// stands in the distinct batches sent.
fn distinct(history: &History) -> BTreeMap<(String, String), i64> {
    let mut batches: Vec<usize> = history.sends.iter().map(|send| send.index(history.batches.len())).collect();
    batches.sort_unstable();
    batches.dedup();
    let mut events: Vec<u8> = batches.iter().flat_map(|batch| history.batches[*batch].clone()).collect();
    events.sort_unstable();
    let mut counts = BTreeMap::new();
    let mut last = None;
    for n in events {
        if !(has_id(n) && last == Some(n)) {
            let cell = (CATEGORIES[usize::from(n) % 4].to_owned(), ACTIONS[usize::from(n) % 3].to_owned());
            *counts.entry(cell).or_default() += 1;
        }
        last = Some(n);
    }
    counts
}

#[test]
fn counts_are_those_of_the_set_of_distinct_events() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let house = runtime.block_on(House::build());
    let _entered = runtime.enter();
    let pipeline = house.pipeline();
    // 40 histories here; PROPTEST_CASES asks for more (`make prove`).
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(40);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    runner
        .run(&histories(), |history| {
            let counted = runtime.block_on(async {
                let filter = house.filter().await;
                let bodies: Vec<String> =
                    history.batches.iter().map(|batch| batch.iter().map(|n| line(*n) + "\n").collect()).collect();
                for (send, fold) in history.sends.iter().zip(&history.folds) {
                    let batch = send.index(bodies.len());
                    let id = format!("batch-{batch}").parse().unwrap();
                    pipeline.take(filter.sender, id, bodies[batch].as_bytes(), Shape::Ndjson, now()).await.unwrap();
                    if *fold {
                        house.count().await;
                    }
                }
                house.count().await;
                let counts = house.counts(filter.sender.school).await;
                counts
                    .into_iter()
                    .map(|(category, action, events)| ((category, action), events))
                    .collect::<BTreeMap<_, _>>()
            });
            prop_assert_eq!(counted, distinct(&history));
            Ok(())
        })
        .unwrap();
}
