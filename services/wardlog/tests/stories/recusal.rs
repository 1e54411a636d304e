//! A concern about the headteacher, who is the DSL too: kept from them, by whichever login and in whatever role.

use std::time::{Duration, Instant};

use access::{HeldRole, HeldRoles, Scopes, tenant};
use database::{Role, connect};
use directory::domain::workplace::Workplace;
use eventlog::Owner;
use reqwest::Method;
use schema::{SchoolId, people::LoginName};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::{
    flagged::{LIST, event, today, yesterday},
    people::{GIVE, LOGIN, READ, RECORD, UNLINK, tell},
    places::{self, At},
    town::{STAFF, Town},
};

const RECUSE: &str = "mutation($id: String!, $input: RecuseInput!) { recuse(commandId: $id, input: $input) {
    done { matterId } refused { reason field message } token } }";
const NAME: &str =
    "mutation($id: String!, $input: NameSubstitutesInput!) { nameSubstitutes(commandId: $id, input: $input) {
    done { role } refused { reason field message } token } }";
const OPEN: &str =
    "mutation($id: String!, $input: OpenFlaggedEventsInput!) { openFlaggedEvents(commandId: $id, input: $input) {
    done { events { id } } refused { reason field } token } }";
const DISCLOSE: &str =
    "mutation($id: String!, $input: DiscloseRecordInput!) { discloseRecord(commandId: $id, input: $input) {
    done { entries { concern event } page } token } }";
const SEEN: &str = "query($id: UUID!) { school(id: $id) { recusals { matterId personId takers { role personId } } substitutes { role personIds } people { id logins }
    identityReadings { reader matterId personIds } flaggedEventOpenings { matterId eventIds } } }";

/// A school with a headteacher who is its DSL, a deputy, and a chair of governors.
struct Concern {
    town: Town,
    school: SchoolId,
    head: Value,
    deputy: Value,
    chair: Value,
}

impl Concern {
    async fn new() -> Self {
        let town = Town::start().await;
        let school = town.records.school(100_001).await;
        let mut people = Vec::new();
        for (who, roles) in
            [("head", &["HEADTEACHER", "DSL"][..]), ("deputy", &["DEPUTY_DSL"]), ("chair", &["CHAIR_OF_GOVERNORS"])]
        {
            let (dsl, at) = (HeldRole::dsl(school), json!({ "schoolId": school }));
            let input = json!({ "at": at, "category": "EMPLOYEE", "name": who });
            let person = tell(&town, dsl, RECORD, &format!("{who}-1"), input).await["done"]["personId"].clone();
            let login = json!({ "at": at, "personId": person, "issuer": STAFF, "subject": who });
            tell(&town, dsl, LOGIN, &format!("{who}-2"), login).await;
            for role in roles {
                let input = json!({ "at": at, "personId": person, "role": role, "from": "2026-09-01" });
                let given = tell(&town, dsl, GIVE, &format!("{who}-{role}"), input).await;
                town.ask_after(dsl, SEEN, json!({ "id": school }), &given["token"]).await;
            }
            people.push(person);
        }
        let [head, deputy, chair] = people.try_into().unwrap();
        Self { town, school, head, deputy, chair }
    }

    /// A mutation of one of them, by their own login; its outcome.
    async fn told(&self, who: &str, mutation: &str, id: &str, input: Value) -> Value {
        let variables = json!({ "id": id, "input": input });
        let answer = self.town.ask_as(who, mutation, variables, &Value::Null).await;
        answer.as_object().unwrap().values().next().unwrap().clone()
    }

    async fn recuse(&self, who: &str, id: &str, person: &Value, matter: &Value) -> Value {
        let input = json!({ "at": self.at(), "personId": person, "matterId": matter });
        self.told(who, RECUSE, id, input).await
    }

    async fn read(&self, who: &str, id: &str, matter: &Value) -> Value {
        let input = json!({ "at": self.at(), "personIds": [self.head], "purpose": "STAFFING", "matterId": matter });
        self.told(who, READ, id, input).await
    }

    async fn seen(&self, who: &str, after: &Value) -> Value {
        self.town.ask_as(who, SEEN, json!({ "id": self.school }), after).await["school"].clone()
    }

    /// The same of somebody who has just been given a role: it is in force everywhere within 5 seconds.
    async fn seen_by_new(&self, who: &str, after: &Value) -> Value {
        let in_force = async { while self.seen(who, &Value::Null).await.is_null() {} };
        tokio::time::timeout(std::time::Duration::from_secs(5), in_force).await.expect("in force within 5 s");
        self.seen(who, after).await
    }

    fn at(&self) -> Value {
        json!({ "schoolId": self.school })
    }
}

/// R014, R086, R130.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_recused_is_shown_nothing_of_a_matter_by_any_login_and_in_no_role() {
    let concern = Concern::new().await;
    let (town, school) = (&concern.town, concern.school);
    let key = town.records.filter(100_001).await;
    town.send(&key, "b-1", &[event(1, "blocked", "games", &json!({ "host": "a.example", "user": "head" }))]).await;
    let days = json!({ "id": school, "from": yesterday(), "day": today(), "first": 1 });
    let flagged = town.ask_as("deputy", LIST, days, &Value::Null).await["school"]["flaggedEvents"][0]["id"].clone();
    let before = concern.seen("head", &Value::Null).await;

    let recused = concern.recuse("deputy", "r-1", &concern.head, &Value::Null).await;
    let matter = &recused["done"]["matterId"];
    // At once, and for whoever may: nobody waits for a view.
    assert!(concern.read("deputy", "r-2", matter).await["done"].is_object());
    let open = json!({ "schoolId": school, "eventIds": [flagged], "purpose": "MISUSE", "matterId": matter });
    let opened = concern.told("deputy", OPEN, "r-3", open.clone()).await;
    assert!(opened["done"].is_object(), "{opened}");
    let seen = concern.seen("deputy", &opened["token"]).await;
    assert_eq!(seen["recusals"].as_array().unwrap().len(), 1);
    assert_eq!((&seen["recusals"][0]["matterId"], &seen["recusals"][0]["personId"]), (matter, &concern.head));
    assert_eq!(seen["identityReadings"][0]["matterId"], *matter);
    assert_eq!(seen["flaggedEventOpenings"], json!([{ "matterId": matter, "eventIds": [flagged] }]));

    assert_eq!(concern.seen("head", &opened["token"]).await, before);
    let nobodys = json!("00000000-0000-4000-8000-00000000a0ff");
    let mut tried = 0;
    let mut refused_alike = async |who: &str| {
        for asked in [matter, &nobodys] {
            tried += 1;
            let id = |n: u8| format!("{who}-t{tried}-{n}");
            let mut open = open.clone();
            open["matterId"] = asked.clone();
            let began = Instant::now();
            let outcomes = [
                concern.recuse(who, &id(1), &concern.deputy, asked).await,
                concern.read(who, &id(2), asked).await,
                concern.told(who, OPEN, &id(3), open).await,
            ];
            // Each takes 20 ms, however little there is to look at.
            assert!(began.elapsed() >= 3 * Duration::from_millis(20), "{:?}", began.elapsed());
            for outcome in outcomes {
                assert_eq!((&outcome["refused"]["reason"], &outcome["done"]), (&json!("NOT_FOUND"), &Value::Null));
            }
        }
    };
    refused_alike("head").await;

    // Another login, another role, and the first login taken away.
    let (dsl, at) = (HeldRole::dsl(school), concern.at());
    let login = json!({ "at": at, "personId": concern.head, "issuer": STAFF, "subject": "head-again" });
    tell(town, dsl, LOGIN, "l-1", login).await;
    let role = json!({ "at": at, "personId": concern.head, "role": "DPO", "from": "2026-09-01" });
    let given = tell(town, dsl, GIVE, "l-2", role).await;
    let mine = |seen: &Value| {
        let people = seen["people"].as_array().unwrap().clone();
        people.into_iter().find(|person| person["id"] == concern.head).unwrap()["logins"].clone()
    };
    let seen = concern.seen_by_new("head-again", &given["token"]).await;
    assert_eq!((&seen["recusals"], &seen["flaggedEventOpenings"]), (&json!([]), &json!([])));
    assert_eq!(seen["identityReadings"], before["identityReadings"]);
    refused_alike("head-again").await;
    let old = mine(&before)[0].clone();
    let taken = json!({ "at": at, "personId": concern.head, "login": old });
    tell(town, dsl, UNLINK, "l-3", taken).await;
    let other = json!({ "at": at, "category": "EMPLOYEE", "name": "The head, as somebody else" });
    let other = tell(town, dsl, RECORD, "l-4", other).await["done"]["personId"].clone();
    let login = json!({ "at": at, "personId": other, "issuer": STAFF, "subject": "head" });
    tell(town, dsl, LOGIN, "l-5", login).await;
    let role = json!({ "at": at, "personId": other, "role": "DEPUTY_DSL", "from": "2026-09-01" });
    let given = tell(town, dsl, GIVE, "l-6", role).await;
    // Of a matter that the view of people has not come to yet, nobody can be told who is recused.
    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    let ahead = sqlx::query!(
        "INSERT INTO filtering.opening (opening_id, school_id, reader, opened_at, roles, purpose, events, matter_id)
         VALUES ($1, $2, 'somebody', now(), '{}', 'misuse', '{}', $1)",
        uuid::Uuid::from_u128(1),
        uuid::Uuid::from(school),
    );
    assert_eq!(ahead.execute(&mut owner).await.unwrap().rows_affected(), 1);
    let openings = concern.seen("deputy", &given["token"]).await["flaggedEventOpenings"].clone();
    assert_eq!(openings, json!([{ "matterId": matter, "eventIds": [flagged] }]));
    // Row-level security keeps it from the login too, whatever is asked for.
    let name: LoginName = old.as_str().unwrap().to_owned().try_into().unwrap();
    let deputys = concern.seen("deputy", &given["token"]).await;
    let deputys: LoginName = deputys["identityReadings"][0]["reader"].as_str().unwrap().to_owned().try_into().unwrap();
    // It keeps it from whoever nobody was ever linked to as well: who they are, and whether they are recused, nobody can tell.
    let nobodys = LoginName::from([7; 16]);
    for (asker, rows) in
        [(Some(name), [0, 0, 0]), (Some(nobodys), [0, 0, 0]), (None, [0, 0, 0]), (Some(deputys), [1, 1, 1])]
    {
        assert_eq!(rows_of_matters(&concern, asker).await, rows);
    }
}

/// How many rows of matters row-level security shows a DSL who asks by this login.
async fn rows_of_matters(concern: &Concern, asker: Option<LoginName>) -> [i64; 3] {
    let gateway = connect(&concern.town.records.database, Role::Gateway, 1).await.unwrap();
    let scopes: Scopes = HeldRoles::from(HeldRole::dsl(concern.school)).scopes();
    match asker {
        Some(asker) => tenant::read_of_matters(&gateway, scopes, asker, |c, _| Box::pin(count_of_matters(c))).await,
        None => tenant::read(&gateway, scopes, |c| Box::pin(count_of_matters(c))).await,
    }
    .unwrap()
}

async fn count_of_matters(c: &mut PgConnection) -> Result<[i64; 3], sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM published.recusal_v1) AS "recusals!",
                  (SELECT count(*) FROM published.identity_reading_v1 WHERE matter_id IS NOT NULL) AS "readings!",
                  (SELECT count(*) FROM filtering.opening WHERE matter_id IS NOT NULL) AS "openings!""#
    );
    let rows = rows.fetch_one(c).await?;
    Ok([rows.recusals, rows.readings, rows.openings])
}

/// R085, R087, R131: the chair of governors recuses the headteacher from a matter that the headteacher knew of; what they read before
/// stays on record, and their own record does not tell them.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_read_before_they_were_recused_stays_on_record() {
    let concern = Concern::new().await;
    let matter = concern.recuse("head", "r-1", &concern.deputy, &Value::Null).await["done"]["matterId"].clone();
    assert!(concern.read("head", "r-2", &matter).await["done"].is_object());
    assert_eq!(concern.recuse("deputy", "r-3", &concern.head, &matter).await["refused"]["reason"], "NOT_FOUND");
    let named = json!({ "at": concern.at(), "role": "HEADTEACHER", "personIds": [concern.head, concern.chair] });
    let named = concern.told("head", NAME, "r-0", named).await;
    assert_eq!(named["done"]["role"], "HEADTEACHER", "{named}");
    let recused = concern.recuse("chair", "r-4", &concern.head, &matter).await;
    assert_eq!(recused["done"]["matterId"], matter);
    assert_eq!(concern.recuse("chair", "r-5", &concern.head, &matter).await["done"]["matterId"], matter);
    assert_eq!(concern.read("head", "r-6", &matter).await["refused"]["reason"], "NOT_FOUND");
    // What was answered before is not answered again.
    assert_eq!(concern.read("head", "r-2", &matter).await["refused"]["reason"], "NOT_FOUND");

    let dpo = HeldRole { role: schema::people::StaffRole::Dpo, at: Owner::School(concern.school) };
    let (town, id) = (&concern.town, json!({ "id": concern.school }));
    places::known(town, At::School(concern.school)).await;
    let seen = town.ask_after(dpo, SEEN, id, &recused["token"]).await["school"].clone();
    // The chair of governors stands in for the headteacher; nobody does for the DSL, and no other deputy for the deputy (R087).
    let taken = |n: usize| (&seen["recusals"][n]["personId"], &seen["recusals"][n]["takers"]);
    let of_head = json!([{ "role": "DSL", "personId": null }, { "role": "HEADTEACHER", "personId": concern.chair }]);
    assert_eq!(taken(0), (&concern.head, &of_head));
    assert_eq!(taken(1), (&concern.deputy, &json!([{ "role": "DEPUTY_DSL", "personId": null }])));
    assert_eq!(seen["substitutes"], json!([{ "role": "HEADTEACHER", "personIds": [concern.head, concern.chair] }]));
    assert_eq!(seen["identityReadings"][0]["matterId"], matter);
    let input = json!({ "at": concern.at(), "personId": concern.head });
    let disclosed = tell(town, dpo, DISCLOSE, "r-7", input).await["done"].clone();
    let events: Vec<_> = disclosed["entries"].as_array().unwrap().iter().map(|entry| &entry["event"]).collect();
    assert!(events.contains(&&json!("role-given")) && !events.contains(&&json!("person-recused")), "{events:?}");
    assert_eq!(
        events.iter().filter(|event| **event == "identities-read").count(),
        1,
        "the disclosure itself: {events:?}"
    );
    assert!(!disclosed["page"].as_str().unwrap().contains(matter.as_str().unwrap()));
}

/// R130: an issuer that states roles lets in somebody of whom nothing is recorded; whether they are recused, nobody can tell.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_never_linked_to_anybody_is_shown_no_matter_and_does_nothing_for_one() {
    let concern = Concern::new().await;
    let (town, dsl, at) = (&concern.town, HeldRole::dsl(concern.school), At::School(concern.school));
    let matter = concern.recuse("deputy", "r-1", &concern.head, &Value::Null).await["done"]["matterId"].clone();
    let done = concern.read("deputy", "r-2", &matter).await;
    let seen = async || {
        let seen = town.ask_after(dsl, SEEN, json!({ "id": concern.school }), &done["token"]).await["school"].clone();
        [&seen["recusals"], &seen["identityReadings"]].map(|list| list.as_array().unwrap().len())
    };
    let read = async |id: &str| {
        let input =
            json!({ "at": concern.at(), "personIds": [concern.chair], "purpose": "STAFFING", "matterId": matter });
        tell(town, dsl, READ, id, input).await
    };
    assert_eq!(seen().await, [0, 0]);
    assert_eq!(read("r-3").await["refused"]["reason"], "NOT_FOUND");
    places::known(town, at).await;
    assert_eq!(seen().await, [1, 1]);
    assert!(read("r-4").await["done"].is_object());
}

/// R130: no later grant restores what was taken, and none that the recused make themselves, to themselves as somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_let_in_by_somebody_recused_is_recused_too() {
    let concern = Concern::new().await;
    let at = concern.at();
    let lets_in = async |by: &str, subject: &str| {
        let input = json!({ "at": at, "category": "EMPLOYEE", "name": "Somebody Else" });
        let person = concern.told(by, RECORD, &format!("{subject}-1"), input).await["done"]["personId"].clone();
        let login = json!({ "at": at, "personId": person, "issuer": STAFF, "subject": subject });
        concern.told(by, LOGIN, &format!("{subject}-2"), login).await;
        let role = json!({ "at": at, "personId": person, "role": "DEPUTY_DSL", "from": "2026-09-01" });
        let given = concern.told(by, GIVE, &format!("{subject}-3"), role).await;
        assert!(given["done"]["roleId"].is_string(), "{given}");
        concern.seen_by_new(subject, &given["token"]).await;
    };
    lets_in("head", "assistant").await;
    let recused = concern.recuse("deputy", "r-1", &concern.head, &Value::Null).await;
    let matter = &recused["done"]["matterId"];
    lets_in("head", "head-as-another").await;
    lets_in("head-as-another", "head-as-a-third").await;
    lets_in("deputy", "new-deputy").await;
    let done = concern.read("deputy", "r-2", matter).await;
    for (who, may_know) in
        [("assistant", true), ("new-deputy", true), ("head-as-another", false), ("head-as-a-third", false)]
    {
        let seen = concern.seen(who, &done["token"]).await;
        let listed = ["recusals", "identityReadings"]
            .map(|list| seen[list].as_array().unwrap().iter().any(|one| one["matterId"] == *matter));
        assert_eq!(listed, [may_know; 2], "{who}");
        let read = concern.read(who, &format!("r-{who}"), matter).await;
        assert_eq!(read["done"].is_object(), may_know, "{who}: {read}");
    }
}

/// R130: whoever comes back is recorded anew, and recused as they were.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_by_the_same_account_is_recused_as_before() {
    let concern = Concern::new().await;
    let (town, at) = (&concern.town, concern.at());
    let (_, key) = town.records.scim_key(Workplace::School(concern.school)).await;
    let scim = async |method: Method, path: &str, body: Value| {
        let request = town.client.request(method, town.scim(path)).bearer_auth(&key);
        let request = request.header("Content-Type", "application/scim+json").body(body.to_string());
        request.send().await.unwrap()
    };
    let user = json!({ "userName": "zoe@ash.example", "active": true, "name": { "formatted": "Zoe" } });
    let made: Value = scim(Method::POST, "/Users", user).await.json().await.unwrap();
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    let active = async |is: bool| {
        let body = json!({ "Operations": [{ "op": "Replace", "path": "active", "value": is }] });
        assert_eq!(scim(Method::PATCH, &path, body).await.status(), 204);
    };
    let comes_in = async |person: &Value, subject: &str| {
        let login = json!({ "at": at, "personId": person, "issuer": STAFF, "subject": subject });
        concern.told("deputy", LOGIN, &format!("{subject}-1"), login).await;
        let role = json!({ "at": at, "personId": person, "role": "DEPUTY_DSL", "from": "2026-09-01" });
        let given = concern.told("deputy", GIVE, &format!("{subject}-2"), role).await;
        assert!(given["done"]["roleId"].is_string(), "{given}");
        concern.seen_by_new(subject, &given["token"]).await
    };
    let before = made["id"].clone();
    comes_in(&before, "zoe").await;
    let matter = concern.recuse("deputy", "r-1", &before, &Value::Null).await["done"]["matterId"].clone();
    active(false).await;
    active(true).await;
    let done = concern.read("deputy", "r-2", &matter).await;
    let known = concern.seen("deputy", &done["token"]).await["people"].as_array().unwrap().clone();
    let others = [&before, &concern.head, &concern.deputy, &concern.chair];
    let again = known.into_iter().find(|person| !others.contains(&&person["id"])).unwrap()["id"].clone();
    let seen = comes_in(&again, "zoe-again").await;
    let of_it = ["recusals", "identityReadings"]
        .map(|list| seen[list].as_array().unwrap().iter().filter(|one| one["matterId"] == matter).count());
    assert_eq!(of_it, [0, 0]);
    assert_eq!(concern.read("zoe-again", "r-3", &matter).await["refused"]["reason"], "NOT_FOUND");
}
