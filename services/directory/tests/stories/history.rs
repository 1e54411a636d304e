//! After any history, the view as of each of its instants is what was shown then.

use std::fmt::{Debug, Display};

use chrono::{DateTime, Days, Utc};
use directory::commands::{IssueKey, RegisterSource, RevokeKey, change_urn, join_trust, leave_trust};
use eventlog::{CommandError, Owner};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use schema::{KeyId, SchoolId, SourceId, TrustId, Vocabulary};

use crate::{
    as_of::{at, last_recorded, shown},
    house::{HEADER, House, because, first_day, now},
};

/// What is said to one of two schools. Some of it is refused, by rules that are tested elsewhere.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The register gives schools and trusts other names, and the trusts that it knows of.
    Import(u8),
    ChangeUrn,
    Join(prop::sample::Index),
    Leave(prop::sample::Index),
    Register,
    Issue(prop::sample::Index),
    Revoke(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        any::<u8>().prop_map(Step::Import),
        Just(Step::ChangeUrn),
        index().prop_map(Step::Join),
        index().prop_map(Step::Leave),
        Just(Step::Register),
        index().prop_map(Step::Issue),
        index().prop_map(Step::Revoke),
    ];
    // Two of three steps are the school's that will be asked for.
    vec((prop_oneof![2 => Just(0_usize), 1 => Just(1)], step), 5..15)
}

struct History {
    house: House,
    schools: [SchoolId; 2],
    trusts: [TrustId; 2],
    sources: Vec<(SchoolId, SourceId)>,
    keys: Vec<((SchoolId, SourceId), KeyId)>,
}

impl History {
    async fn begin() -> Self {
        let house = House::new().await;
        house.import(&register(0), 0).await;
        let schools = [house.school(100_001).await, house.school(100_002).await];
        let trusts = [house.trust("11").await, house.trust("22").await];
        Self { house, schools, trusts, sources: Vec::new(), keys: Vec::new() }
    }

    async fn take(&mut self, number: u64, school: usize, step: Step) {
        let (command, day) = (format!("{number}"), first_day() + Days::new(number));
        let (pool, because) = (&self.house.directory, because(&command));
        let school = self.schools[school];
        let urn = u32::try_from(149_000 + number).unwrap().try_into().unwrap();
        match step {
            Step::Import(names) => drop(self.house.import(&register(names), number).await),
            Step::ChangeUrn => drop(unless_refused(change_urn(pool, school, (urn, day), because, now()).await)),
            Step::Join(trust) => {
                drop(unless_refused(join_trust(pool, school, (*trust.get(&self.trusts), day), because, now()).await));
            }
            Step::Leave(trust) => {
                drop(unless_refused(leave_trust(pool, school, (*trust.get(&self.trusts), day), because, now()).await));
            }
            Step::Register => {
                let name = format!("filter {number}").parse().unwrap();
                let filter = RegisterSource { school, name, vocabulary: Vocabulary::Ut1 };
                let registered = unless_refused(self.house.tell(school, filter, &command).await);
                self.sources.extend(registered.map(|done| (school, done.answer)));
            }
            Step::Issue(source) if !self.sources.is_empty() => {
                let (school, source) = *source.get(&self.sources);
                let issued = unless_refused(self.house.tell(school, IssueKey { school, source }, &command).await);
                self.keys.extend(issued.map(|done| ((school, source), done.answer.id)));
            }
            Step::Revoke(key) if !self.keys.is_empty() => {
                let ((school, source), key) = *key.get(&self.keys);
                unless_refused(self.house.tell(school, RevokeKey { school, source, key }, &command).await);
            }
            Step::Issue(_) | Step::Revoke(_) => {}
        }
    }
}

/// What came of a command, unless a rule refused it.
fn unless_refused<T, R: Debug + Display>(outcome: Result<T, CommandError<R>>) -> Option<T> {
    match outcome {
        Ok(done) => Some(done),
        Err(CommandError::Refused(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

fn register(names: u8) -> String {
    format!(
        "{HEADER}\n100001,Ash {names},Leeds,Primary,Academy,Open,11,NORTH {names},{names}\n\
         100002,Elm {names},Kent,Primary,Academy,Open,,,9\n100003,Oak,Kent,Primary,Academy,Open,22,SOUTH {names},9\n"
    )
}

#[test]
fn the_view_as_of_each_instant_of_any_history_is_what_was_shown_then() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // 6 histories here; PROPTEST_CASES asks for more.
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&steps(), |steps| {
        let (then, again) = runtime.block_on(shown_then_and_asked_again(&steps));
        prop_assert_eq!(then, again);
        Ok(())
    });
    checked.unwrap();
}

type Shown = Vec<(DateTime<Utc>, Vec<String>)>;

/// What was shown of the first school and the trusts after each step, and what is said of those instants in the end.
async fn shown_then_and_asked_again(steps: &[(usize, Step)]) -> (Shown, Shown) {
    let mut history = History::begin().await;
    let owners = [Owner::School(history.schools[0]), Owner::Trust(history.trusts[0]), Owner::Trust(history.trusts[1])];
    let pool = history.house.directory.clone();
    let mut then = Shown::new();
    for (number, (school, step)) in (1..).zip(steps) {
        history.take(number, *school, *step).await;
        history.house.catch_up().await;
        then.push((last_recorded(&pool).await, shown(&pool, &owners).await));
    }
    let mut again = Shown::new();
    for (instant, _) in &then {
        again.push((*instant, at(&pool, &owners, *instant).await.unwrap()));
    }
    (then, again)
}
