//! Who may do what: every field, mutation and route, asked as every role, compared with rules that were written by hand
//! (`schema/policies/access-rules.txt`) and with what was found before (`access-matrix.txt`; `WARDLOG_WRITE=1` renews it).

pub mod asked;
pub mod cast;
mod doors;
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

use crate::{
    places::{self, Place, tell},
    town::Town,
};
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
    recused(&town, &cast, &mut lines).await;
    cast.take_logins_away(&town).await;
    nothing(&town, &cast, When::Today, "login taken away", &mut lines).await;
    nobodys_token_opens_a_door(&town, &cast, &mut lines).await;
    doors::by_key(&town, &cast, &mut lines).await;
    same_as_before(&lines);
}

/// The policies and the queries' own predicates alone, in a database whose row-level security shows the gateway every row.
/// (The other way round, row-level security alone: the story `walls`.)
#[tokio::test(flavor = "multi_thread")]
async fn without_row_level_security_the_rules_hold_too() {
    let town = Town::start().await;
    let cast = Cast::of(&town).await;
    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    let tables = "SELECT format('CREATE POLICY every_row ON %I.%I FOR SELECT TO wardlog_gateway, wardlog_reviewers
                                 USING (true)', n.nspname, c.relname)
                  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relrowsecurity AND (has_any_column_privilege('wardlog_gateway', c.oid, 'SELECT')
                                              OR has_any_column_privilege('wardlog_reviewers', c.oid, 'SELECT'))";
    let opened: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut owner).await.unwrap();
    assert!(opened.len() > 10, "{opened:?}");
    for policy in opened {
        sqlx::raw_sql(sqlx::AssertSqlSafe(policy)).execute(&mut owner).await.unwrap();
    }
    let gateway = connect(&town.records.database, Role::Gateway, 1).await.unwrap();
    let schools = sqlx::query_scalar!("SELECT count(*) FROM published.school_v1").fetch_one(&gateway).await.unwrap();
    assert_eq!(schools, Some(6), "the gateway sees every school");
    let kept = "SELECT format('DROP POLICY %I ON %I.%I', p.polname, n.nspname, c.relname)
                FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE NOT p.polpermissive";
    let kept: Vec<String> = sqlx::query_scalar(kept).fetch_all(&mut owner).await.unwrap();
    assert_eq!(kept.len(), 3, "{kept:?}");
    for policy in kept {
        sqlx::raw_sql(sqlx::AssertSqlSafe(policy)).execute(&mut owner).await.unwrap();
    }
    let mut lines = as_the_rules_say(&town, &cast).await;
    recused(&town, &cast, &mut lines).await;
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

/// Whoever is recused from a matter is shown nothing of it, nor told that there is such a matter, in any role; before, they may
/// what the rules say (R130).
async fn recused(town: &Town, cast: &Cast, lines: &mut Vec<String>) {
    let every: BTreeSet<String> = cast.actors(When::Today).map(Actor::name).collect();
    let rules = rules::expected(&every);
    for place in cast.places.iter().filter(|place| ["own", "trust"].contains(&place.name)) {
        let mut place = place.clone();
        places::known(town, place.at).await;
        let recuse = json!({ "at": place.at.input(), "personId": place.person });
        let outcome = tell(town, place.at, "recuse", "matterId", &format!("m-{}", place.name), recuse).await;
        place.matter = outcome["done"]["matterId"].clone();
        let done = for_the_matter(town, &place).await;
        for state in ["to be recused", "recused"] {
            let mut token = done.clone();
            for (n, actor) in cast.actors(When::Today).enumerate().filter(|_| state == "recused") {
                let recuse = json!({ "at": place.at.input(), "personId": actor.person, "matterId": place.matter });
                let id = format!("m-{}-{n}", place.name);
                let done = tell(town, place.at, "recuse", "matterId", &id, recuse).await;
                // A trust's people are not its schools', nor the other way round.
                if done["token"].is_string() {
                    token = done["token"].clone();
                }
            }
            let actors = cast.actors(When::Today).map(|actor| of_a_matter(town, actor, &place, state, &token));
            for (actor, field, found) in join_all(actors).await.concat() {
                let rule = rules.get(&(field.clone(), actor.clone(), place.name.to_owned())).map(String::as_str);
                let right = if state == "recused" { "-" } else { rule.unwrap_or("-") };
                assert_eq!(found, right, "{field} as {actor}, {state} from a matter of {}", place.name);
                lines.push(format!("{field} | {actor} | {}, {state} | {found}", place.name));
            }
        }
    }
}

/// Something is done for a place's matter that each list shows; what a query must wait for to see it.
async fn for_the_matter(town: &Town, place: &Place) -> Value {
    let id = |what: &str| format!("m-{what}-{}", place.name);
    let read =
        json!({ "at": place.at.input(), "personIds": [place.person], "purpose": "REVIEW", "matterId": place.matter });
    let read = tell(town, place.at, "readIdentities", "__typename", &id("read"), read).await;
    if place.filter.is_none() {
        return read["token"].clone();
    }
    let events = [&place.flagged];
    let open = json!({ "schoolId": place.at.id(), "eventIds": events, "purpose": "MISUSE", "matterId": place.matter });
    tell(town, place.at, "openFlaggedEvents", "__typename", &id("open"), open).await["token"].clone()
}

/// What somebody may do for a place's matter, and whether they are shown that there is one.
async fn of_a_matter(
    town: &Town,
    actor: &Actor,
    place: &Place,
    state: &str,
    after: &Value,
) -> Vec<(String, String, String)> {
    let token = town.staff_token(&actor.subject).await;
    let id = format!("{}-{}", actor.subject, state.replace(' ', "-"));
    let mut found = asked::mutations(town, &token, &id, place).await;
    let of_matters = |field: &str| asked::OF_MATTERS.iter().any(|name| field.starts_with(&format!("Mutation.{name}")));
    found.retain(|(field, _)| of_matters(field));
    let (root, kind) = (places::root(place.at), if place.name == "own" { "School" } else { "Trust" });
    let lists: &[&str] = if kind == "School" {
        &["recusals", "identityReadings", "flaggedEventOpenings"]
    } else {
        &["recusals", "identityReadings"]
    };
    let selection = lists.iter().map(|list| format!("{list} {{ matterId }}")).collect::<Vec<_>>().join(" ");
    let query = format!("query($id: UUID!) {{ {root}(id: $id) {{ {selection} }} }}");
    let seen = town.ask_as(&actor.subject, &query, json!({ "id": place.at.id() }), after).await;
    for list in lists {
        let listed = seen[root][list].as_array().into_iter().flatten().any(|one| one["matterId"] == place.matter);
        found.push((format!("{kind}.{list}"), if listed { "yes" } else { "-" }.to_owned()));
    }
    found.into_iter().map(|(field, found)| (actor.name(), field, found)).collect()
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
async fn nobodys_token_opens_a_door(town: &Town, cast: &Cast, lines: &mut Vec<String>) {
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
