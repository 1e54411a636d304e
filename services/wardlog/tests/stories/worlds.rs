//! Two worlds with the same history, and in one of them something more that somebody may not know of. All that they are
//! answered must be alike in both: what is not there cannot be told from what is kept from them (R086, R132).
//!
//! A world is a trust with two schools of its own. Many stand in one pair of towns, so that everybody is also asked in the
//! presence of all that happens to other trusts. What stands for itself and differs in any case (the instants of this test,
//! pseudonyms, tokens) is compared by the order in which it first comes.

mod asking;
mod told;
mod world;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use database::scratch;
use futures_util::{StreamExt, stream};
use uuid::Uuid;
use web::clock;

use crate::town::{Records, Town};
use asking::{Asked, Asker};
use told::Told;
use world::{Act, World};

/// How many worlds are at work at once.
const AT_ONCE: usize = 6;

/// Two towns with the same trusts and schools, by the same ids.
struct Towns {
    without: Town,
    with: Town,
    /// When the filters' events happened, in both.
    before: DateTime<Utc>,
}

/// R086, R132: with `WARDLOG_WORLDS`, so many.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_know_of_something_is_answered_as_if_it_had_not_happened() {
    let worlds: u32 = std::env::var("WARDLOG_WORLDS").map_or(100, |worlds| worlds.parse().unwrap());
    let register = world::register(worlds);
    let before = clock::now().with_nanosecond(0).unwrap() - TimeDelta::minutes(1);
    let towns = Towns { without: town(&register).await, with: town(&register).await, before };
    let found =
        stream::iter(0..worlds).map(|number| compare(&towns, World::generate(number))).buffer_unordered(AT_ONCE);
    let found: Vec<(Act, Compared)> = found.collect().await;

    let answers: usize = found.iter().map(|(_, compared)| compared.answers).sum();
    println!("{answers} answers in two worlds each, of {worlds}");
    let told_apart: usize = found.iter().map(|(_, compared)| compared.told_apart).sum();
    assert_eq!(told_apart, 0, "so many of those who asked can tell, by the answers printed above");
    // A secret that nobody notices who may would be none.
    let noticed: BTreeSet<Act> = found.iter().filter(|(_, compared)| compared.noticed).map(|(act, _)| *act).collect();
    let secrets: BTreeSet<Act> = found.iter().map(|(act, _)| *act).collect();
    assert_eq!(noticed, secrets, "whoever may know of it learns of it");
    assert!(worlds < 100 || secrets.len() == Act::ALL.len(), "each kind of secret was tried: {secrets:?}");
}

async fn town(register: &str) -> Town {
    let records = Records::open(scratch::database().await).await;
    let mut made = 0;
    let mut ids = || {
        made += 1;
        Uuid::from_u128(made << 64 | 0x4000_0000_0000_0000_8000_0000)
    };
    records.import_by(register, "2026-09-01", &mut ids).await;
    Town::start_on(records).await
}

/// What came of one world.
#[derive(Default)]
struct Compared {
    /// How many answers were compared.
    answers: usize,
    /// How many are not alike, each of which was printed.
    told_apart: usize,
    /// Whether somebody who may know of the secret was answered otherwise.
    noticed: bool,
}

impl Compared {
    fn add(&mut self, world: &World, who: &str, without: &[Asked], with: &[Asked]) {
        assert_eq!(without.len(), with.len());
        self.answers += without.len();
        let differ = without.iter().zip(with).find(|(without, with)| without != with);
        if let Some(((asked, absent), (_, present))) = differ {
            let (without, with) = apart(&absent.to_string(), &present.to_string());
            let World { number, secret, .. } = world;
            println!("world {number}: {secret:?}\nas {who}, asked {asked}\nwithout: …{without}\nwith:    …{with}\n");
            self.told_apart += 1;
        }
    }
}

async fn compare(towns: &Towns, world: World) -> (Act, Compared) {
    let without = Told::history(&towns.without, &world, towns.before, false).await;
    let with = Told::history(&towns.with, &world, towns.before, true).await;
    let secret = with.secret.clone().expect("it happened in this one");
    let insider = Some(world.insider());
    let seen = async |told: &Told<'_>| Asker::of(told, insider, &world).reads(&told.places).await;
    let (absent, present) = (seen(&without).await, seen(&with).await);
    let answered = |(_, answer): &Asked| answer["body"]["data"].is_object() && answer["body"]["errors"].is_null();
    assert!(present.iter().all(answered), "what is asked can be answered");
    let mut compared = Compared { noticed: absent != present, ..Compared::default() };
    let doors = async |told: &Told<'_>| asking::other_doors(told, &world).await;
    compared.add(&world, "a directory or filter", &doors(&without).await, &doors(&with).await);
    for &observer in &world.observers {
        let asked = async |told: &Told<'_>| Asker::of(told, observer, &world).everything(told, &secret).await;
        compared.add(&world, &format!("{observer:?}"), &asked(&without).await, &asked(&with).await);
    }
    (world.secret.act, compared)
}

/// Two texts from where they part.
fn apart(one: &str, other: &str) -> (String, String) {
    let common = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let from = |text: &str| text.chars().skip(common.saturating_sub(80)).take(240).collect();
    (from(one), from(other))
}
