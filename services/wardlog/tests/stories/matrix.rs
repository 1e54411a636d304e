//! Who may do what: every field, mutation and route, asked as every role, compared with rules that were written by hand
//! (`schema/policies/access-rules.txt`) and with what was found before (`access-matrix.txt`; `WARDLOG_WRITE=1` renews it).

pub mod asked;
pub mod cast;
pub mod rules;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use database::{Role, connect};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::town::Town;
use cast::{Actor, Cast, When};

/// What an actor saw: of each field at each place.
type Seen = BTreeMap<(String, &'static str), String>;

/// R014, R030, R031, R044, R046, R133, R220.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_what_the_rules_say_and_nothing_else() {
    let town = Town::start().await;
    let cast = Cast::of(&town).await;
    assert_eq!(asked::fields(), rules::fields(), "each field of the schema is asked here, and nothing else");
    let mut lines = as_the_rules_say(&town, &cast).await;
    second_factors(&town, &cast, &mut lines).await;
    // Whoever holds no role today, any more or yet, or whose login was taken away, sees what a stranger sees.
    for (when, state) in [(When::Ended, "role ended"), (When::Future, "role to come")] {
        nothing(&town, &cast, when, state, &mut lines).await;
    }
    cast.take_logins_away(&town).await;
    nothing(&town, &cast, When::Today, "login taken away", &mut lines).await;
    doors(&town, &cast, &mut lines).await;
    same_as_before(&lines);
}

/// The policies and the queries' own predicates alone, in a database whose row-level security shows the gateway every row.
/// (The other way round, row-level security alone: the story `walls`.)
#[tokio::test(flavor = "multi_thread")]
async fn without_row_level_security_the_rules_hold_too() {
    let town = Town::start().await;
    let cast = Cast::of(&town).await;
    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    let tables = "SELECT format('CREATE POLICY every_row ON %I.%I FOR SELECT TO wardlog_gateway USING (true)', n.nspname, c.relname)
                  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relrowsecurity AND has_any_column_privilege('wardlog_gateway', c.oid, 'SELECT')";
    let opened: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut owner).await.unwrap();
    assert!(opened.len() > 10, "{opened:?}");
    for policy in opened {
        sqlx::raw_sql(sqlx::AssertSqlSafe(policy)).execute(&mut owner).await.unwrap();
    }
    let gateway = connect(&town.records.database, Role::Gateway, 1).await.unwrap();
    let schools = sqlx::query_scalar!("SELECT count(*) FROM published.school_v1").fetch_one(&gateway).await.unwrap();
    assert_eq!(schools, Some(6), "the gateway sees every school");
    as_the_rules_say(&town, &cast).await;
}

/// Asks everything as everybody who holds a role today; the cells, or a panic that names those which are not as the rules.
async fn as_the_rules_say(town: &Town, cast: &Cast) -> Vec<String> {
    let every: BTreeSet<String> = cast.actors(When::Today).map(Actor::name).collect();
    let mut expected = rules::expected(&every);
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for (actor, seen) in of_all(town, cast, When::Today).await {
        for ((field, place), found) in seen {
            let rule = expected.remove(&(field.clone(), actor.clone(), place.to_owned()));
            let right = rule.as_deref().unwrap_or("-");
            if found != right {
                wrong.push(format!("{field} as {actor} at {place}: {found}, and the rules say {right}"));
            }
            lines.push(format!("{field} | {actor} | {place} | {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} cells are not as the rules say:\n{}", wrong.len(), wrong.join("\n"));
    assert!(expected.is_empty(), "nobody asked what these rules are of: {expected:?}");
    lines
}

/// Asks every mutation as everybody once more, with a second factor shown yesterday. Whoever may not is told no more than
/// before: neither that there is anything, nor that a second factor would help (R220).
async fn second_factors(town: &Town, cast: &Cast, lines: &mut Vec<String>) {
    let every: BTreeSet<String> = cast.actors(When::Today).map(Actor::name).collect();
    let (rules, needing) = (rules::expected(&every), rules::second_factor());
    let actors = cast.actors(When::Today).map(|actor| async move {
        let (token, id) = (town.staff_token_of_yesterday(&actor.subject).await, format!("{}-once", actor.subject));
        let mut seen = Vec::new();
        for place in &cast.places {
            let found = asked::mutations(town, &token, &id, place).await;
            seen.extend(found.into_iter().map(|(field, found)| ((field, actor.name(), place.name.to_owned()), found)));
        }
        seen
    });
    let (mut wrong, mut needed) = (Vec::new(), BTreeSet::new());
    for (cell, found) in join_all(actors).await.concat() {
        let right = match rules.get(&cell).map(String::as_str) {
            Some(_) if needing.contains(cell.0.as_str()) => "second-factor",
            Some(seen) => seen,
            None => "-",
        };
        let (field, actor, place) = &cell;
        if found != right {
            wrong.push(format!("{field} as {actor} at {place}: {found}, and the rules say {right}"));
        }
        if found == "second-factor" {
            needed.insert(field.clone());
            lines.push(format!("{field} | {actor} | {place} | {found}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "without a second factor, {} cells are not as the rules say:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(needed.iter().eq(&needing), "nobody was asked for what the rules say: {needed:?}");
    lines.push("everything else | everybody, without a second factor | - | as with one".to_owned());
}

/// Every cell of every actor of one kind.
async fn of_all(town: &Town, cast: &Cast, when: When) -> Vec<(String, Seen)> {
    let actors = cast.actors(when).map(|actor| async move { (actor.name(), seen(town, cast, actor).await) });
    join_all(actors).await
}

async fn seen(town: &Town, cast: &Cast, actor: &Actor) -> Seen {
    let token = town.staff_token(&actor.subject).await;
    let mut seen = Seen::new();
    for place in &cast.places {
        for (field, found) in asked::reads(town, &actor.subject, place).await {
            seen.insert((field, place.name), asked::seen(&found).to_owned());
        }
        for (field, found) in asked::mutations(town, &token, &actor.subject, place).await {
            seen.insert((field, place.name), found);
        }
    }
    seen
}

async fn nothing(town: &Town, cast: &Cast, when: When, state: &str, lines: &mut Vec<String>) {
    for (actor, seen) in of_all(town, cast, when).await {
        let found: Vec<_> = seen.iter().filter(|(_, found)| *found != "-").collect();
        assert!(found.is_empty(), "{actor}, {state}: {found:?}");
        lines.push(format!("everything | {actor} | {state} | -"));
    }
}

/// The filters' door opens to a filter's key and the directories' to a directory's, and neither to anybody's token.
async fn doors(town: &Town, cast: &Cast, lines: &mut Vec<String>) {
    let filters = rules::door_routes().into_iter().map(|(method, path)| {
        let url = town.door(&path.replace("{id}", "b-1").replace("{format}", "squid"));
        (method, path, url)
    });
    let directories = rules::scim_routes().into_iter().map(|(method, path)| {
        let url = town.scim(path.replace("{id}", "dsl").strip_prefix("/scim/v2").unwrap());
        (method, path, url)
    });
    for (method, path, url) in filters.chain(directories) {
        for actor in cast.actors(When::Today) {
            let request = town
                .client
                .request(method.to_uppercase().parse().unwrap(), &url)
                .bearer_auth(town.staff_token(&actor.subject).await);
            let answer = request.header("Idempotency-Key", "b-1").body("{}").send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path} as {}", actor.name());
            lines.push(format!("{} {path} | {} | door | -", method.to_uppercase(), actor.name()));
        }
    }
}

fn same_as_before(lines: &[String]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/policies/access-matrix.txt");
    let found = lines.join("\n") + "\n";
    if std::env::var_os("WARDLOG_WRITE").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == before, "who may do what has changed: see what WARDLOG_WRITE=1 changes in access-matrix.txt");
}

/// Waits until a login reads as these roles; it may be remembered for some seconds.
async fn until_roles(town: &Town, subject: &str, number: usize) {
    let there = async {
        loop {
            let seen = town.ask_as(subject, "{ viewer { roles { role } } }", json!({}), &Value::Null).await;
            if seen["viewer"]["roles"].as_array().unwrap().len() == number {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), there).await.expect("a login reads as its roles within 30 s");
}
