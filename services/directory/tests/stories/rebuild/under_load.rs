//! A view rebuilt while schools go on working: whoever commands sees it in the shown view as before, and nothing of it is
//! lost or repeated. `WARDLOG_REBUILD_EVENTS` is the long form.

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use directory::{DirectoryView, commands::RegisterSource};
use eventlog::{
    Position, Projection, Rebuild, Wake,
    doctor::{Verdict, View, examine},
    has_reached, run,
};
use rand::RngExt;
use schema::{SchoolId, Vocabulary};
use sqlx::{Connection, PgConnection};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use web::clock;

use super::limits::{copy, decode, fill_the_log};
use crate::house::House;

/// How many events each school has had.
const EACH: u32 = 50;

/// How many people command one thing after another.
const SENDERS: usize = 4;

/// How long the running view may take to show what was commanded.
const LAG: Duration = Duration::from_secs(2);

/// What one sender saw.
struct Sent {
    commands: i64,
    longest: Duration,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_under_load_holds_up_neither_commands_nor_the_running_view_and_loses_and_repeats_nothing() {
    let events: u32 = env::var("WARDLOG_REBUILD_EVENTS").map_or(10_000, |events| events.parse().unwrap());
    let schools = events / EACH;
    let house = Arc::new(House::new().await);
    fill_the_log(&house.options, schools, EACH).await.unwrap();
    let (alone, rebuild) = filled(&house).await;
    rebuild.take_over().await.unwrap();

    let (stop, wake, over) = (CancellationToken::new(), Wake::default(), CancellationToken::new());
    let folding =
        run(house.projections.clone(), Arc::new(DirectoryView), wake.clone(), Uuid::from_u128(1), stop.clone());
    let folding = tokio::spawn(folding);
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        senders.spawn(send_until(over.clone(), Arc::clone(&house), wake.clone(), sender, schools));
    }
    let (under_load, rebuild) = filled(&house).await;
    assert_eq!(rebuild.compare().await.unwrap(), [], "both as they are while commands come");
    rebuild.take_over().await.unwrap();
    over.cancel();
    let sent = senders.join_all().await;
    stop.cancel();
    folding.await.unwrap();

    let commands = sent.iter().map(|sent| sent.commands).sum::<i64>();
    let longest = sent.iter().map(|sent| sent.longest).max().unwrap();
    all_is_shown_once(&house, schools, commands).await;
    let began = Instant::now();
    assert_eq!(decode(&house.projections).await.unwrap(), u64::from(schools * EACH));
    let decoded = began.elapsed();
    let copied = copy(&house.options).await.unwrap();
    let [alone, under_load, decoded, copied] =
        [alone, under_load, decoded, copied].map(|took| f64::from(schools * EACH) / took.as_secs_f64());
    println!(
        "{events} events: rebuilt at {alone:.0}/s, and at {under_load:.0}/s while {commands} commands came and were shown \
         within {longest:.0?}; decoded alone at {decoded:.0}/s, the rows copied alone at {copied:.0}/s"
    );
}

/// A new generation, filled; how long that took. At worst a thousand events a second, or it does not end.
async fn filled(house: &House) -> (Duration, Rebuild<'static, DirectoryView>) {
    let rebuild = Rebuild::begin(&house.options, &DirectoryView).await.unwrap();
    let began = Instant::now();
    let filling = rebuild.fill(|filled| {
        let patience = Duration::from_secs(30) + Duration::from_millis(filled.of.unsigned_abs());
        assert!(began.elapsed() < patience, "still not filled: {filled:?}");
    });
    filling.await.unwrap();
    (began.elapsed(), rebuild)
}

/// Registers filters, and waits for each until the shown view has it.
async fn send_until(over: CancellationToken, house: Arc<House>, wake: Wake, sender: usize, schools: u32) -> Sent {
    let mut sent = Sent { commands: 0, longest: Duration::ZERO };
    while !over.is_cancelled() {
        let school = SchoolId::from(Uuid::from_u128(rand::rng().random_range(1..=schools).into()));
        let (name, command) = (format!("{sender}-{}", sent.commands), format!("load-{sender}-{}", sent.commands));
        let filter = RegisterSource { school, name: name.parse().unwrap(), vocabulary: Vocabulary::Ut1 };
        let done = house.tell(school, filter, &command).await.unwrap();
        let began = Instant::now();
        wake.all();
        let shown = timeout(LAG, until_shown(&house, done.position.unwrap())).await;
        assert!(shown.is_ok(), "the running view does not show what was commanded {LAG:?} ago");
        sent = Sent { commands: sent.commands + 1, longest: sent.longest.max(began.elapsed()) };
    }
    sent
}

async fn until_shown(house: &House, position: Position) {
    let reached = async || {
        let mut connection = house.gateway.acquire().await.unwrap();
        has_reached(&mut connection, DirectoryView::NAME, position).await.unwrap()
    };
    while !reached().await {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// By the rows themselves, by a replay of the log, and by all that the doctor knows to look at.
async fn all_is_shown_once(house: &House, schools: u32, commands: i64) {
    let mut owner = PgConnection::connect_with(&house.options).await.unwrap();
    let shown = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM directory.source) AS "sources!",
                  (SELECT count(*) FROM directory.school WHERE pupils = $1) AS "schools!",
                  (SELECT count(*) FROM log.checkpoint c WHERE c.view = 'directory' AND c."offset" <>
                      (SELECT coalesce(max(e."offset"), 0) FROM log.event e WHERE e.partition = c.partition)) AS "behind!""#,
        i32::try_from(EACH).unwrap(),
    );
    let shown = shown.fetch_one(&mut owner).await.unwrap();
    assert_eq!((shown.sources, shown.schools, shown.behind), (commands, i64::from(schools), 0));
    let (_, replayed) = filled(house).await;
    assert_eq!(replayed.compare().await.unwrap(), []);
    let findings = examine(&mut owner, &[View::of::<DirectoryView>()], clock::now()).await.unwrap();
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.verdict >= Verdict::Wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
