//! Schools and trusts where there is something to be asked for, each of the same.

use access::HeldRole;
use schema::{SchoolId, TrustId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::town::{ISSUER, SOMEBODY, STAFF, Town, event};

/// A place that is asked about, and what stands there to be asked for.
#[derive(Clone)]
pub struct Place {
    pub name: &'static str,
    pub at: At,
    /// Somebody who has left.
    pub person: Value,
    /// A role of theirs that has ended.
    pub role: Value,
    /// A filter with two keys, and a third that was revoked; none at a trust.
    pub filter: Option<(Value, Value)>,
    /// The key that the filter sends with.
    pub key: Option<String>,
    /// A flagged event of one who is called `PUPIL`, and the name of our own that they have; none at a trust.
    pub flagged: Value,
    pub pupil: Value,
    /// The matter for which something is done there, if it is for one.
    pub matter: Value,
}

#[derive(Clone, Copy)]
pub enum At {
    School(SchoolId),
    Trust(TrustId),
}

impl At {
    pub fn id(self) -> Uuid {
        match self {
            Self::School(id) => id.into(),
            Self::Trust(id) => id.into(),
        }
    }

    pub fn input(self) -> Value {
        match self {
            Self::School(id) => json!({ "schoolId": id }),
            Self::Trust(id) => json!({ "trustId": id }),
        }
    }
}

/// The day on which somebody has left, everywhere.
pub const LEFT: &str = "2026-10-01";

/// A pupil of each school.
pub const PUPIL: &str = "a.pupil";

/// A subject that is linked already.
pub const LINKED: &str = "somebody who has left";

/// A school with a filter, and with something counted.
pub async fn school(town: &Town, name: &'static str, urn: u32) -> Place {
    let key = town.records.filter(urn).await;
    town.send(&key, "b-1", &vec![event("gambling", "blocked"); 7]).await;
    let at = At::School(town.records.school(urn).await);
    let query = "query($id: UUID!) { school(id: $id) { sources { id } } }";
    let source = town.ask(head(at), query, json!({ "id": at.id() })).await["school"]["sources"][0]["id"].clone();
    let issue = json!({ "schoolId": at.id(), "sourceId": source });
    let revoked = tell(town, at, "issueIngestKey", "keyId", "k-1", issue.clone()).await["done"]["keyId"].clone();
    let revoke = json!({ "schoolId": at.id(), "sourceId": source, "keyId": revoked });
    tell(town, at, "revokeIngestKey", "keyId", "k-2", revoke).await;
    tell(town, at, "issueIngestKey", "keyId", "k-3", issue).await;
    let mut asked = event("gambling", "blocked");
    asked["user"] = json!(PUPIL);
    town.send(&key, &format!("b-{name}"), &[asked]).await;
    let (today, query) = (
        ::schema::london_day(web::clock::now()),
        "query($id: UUID!, $from: NaiveDate!, $to: NaiveDate!) {
        school(id: $id) { flaggedEvents(from: $from, to: $to) { id user } } }",
    );
    let days = json!({ "id": at.id(), "from": today - chrono::Days::new(1), "to": today });
    let seen = town.ask(head(at), query, days).await["school"]["flaggedEvents"].clone();
    let of_pupil = seen.as_array().unwrap().iter().find(|event| event["user"].is_string()).unwrap();
    let (flagged, pupil) = (of_pupil["id"].clone(), of_pupil["user"].clone());
    let (person, role) = leaver(town, at).await;
    let (filter, key) = (Some((source, revoked)), Some(key));
    Place { name, at, person, role, filter, key, flagged, pupil, matter: Value::Null }
}

/// A trust.
pub async fn trust(town: &Town, name: &'static str, uid: &str) -> Place {
    let at = At::Trust(town.records.trust(uid).await);
    let (person, role) = leaver(town, at).await;
    let (flagged, pupil, matter) = (Value::Null, Value::Null, Value::Null);
    Place { name, at, person, role, filter: None, key: None, flagged, pupil, matter }
}

/// Somebody who was there and has left, with a role that they held.
async fn leaver(town: &Town, at: At) -> (Value, Value) {
    let input = json!({ "at": at.input(), "category": "EMPLOYEE", "name": "Nobody in particular" });
    let person = tell(town, at, "recordPerson", "personId", "l-1", input).await["done"]["personId"].clone();
    let login = json!({ "at": at.input(), "personId": person, "issuer": STAFF, "subject": LINKED });
    tell(town, at, "linkLogin", "personId", "l-2", login).await;
    let role = json!({ "at": at.input(), "personId": person, "role": "DPO", "from": "2026-09-01", "to": LEFT });
    let role = tell(town, at, "giveRole", "roleId", "l-3", role).await["done"]["roleId"].clone();
    let left = json!({ "at": at.input(), "personId": person, "on": LEFT });
    tell(town, at, "recordLeaving", "personId", "l-4", left).await;
    (person, role)
}

/// Whoever tells and asks becomes somebody there, as nobody else is told of a matter: who they are, once the view of people shows it.
pub async fn known(town: &Town, at: At) -> Value {
    let input = json!({ "at": at.input(), "category": "EMPLOYEE", "name": "Whoever asks" });
    let person = tell(town, at, "recordPerson", "personId", "known-1", input).await["done"]["personId"].clone();
    let login = json!({ "at": at.input(), "personId": person, "issuer": ISSUER, "subject": SOMEBODY });
    let linked = tell(town, at, "linkLogin", "personId", "known-2", login).await;
    assert_eq!(linked["done"]["personId"], person, "{linked}");
    let people = format!("query($id: UUID!) {{ {}(id: $id) {{ people {{ id }} }} }}", root(at));
    town.ask_after(head(at), &people, json!({ "id": at.id() }), &linked["token"]).await;
    person
}

/// Whoever may command everything there.
pub fn head(at: At) -> HeldRole {
    match at {
        At::School(school) => HeldRole::dsl(school),
        At::Trust(trust) => HeldRole::mat_lead(trust),
    }
}

pub const fn root(at: At) -> &'static str {
    match at {
        At::School(_) => "school",
        At::Trust(_) => "trust",
    }
}

/// Sends a mutation as whoever may; its outcome.
pub async fn tell(town: &Town, at: At, name: &str, done: &str, id: &str, input: Value) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let mutation = format!(
        "mutation($id: String!, $input: {kind}!) {{ {name}(commandId: $id, input: $input) {{ done {{ {done} }} refused {{ reason }} token }} }}"
    );
    town.ask(head(at), &mutation, json!({ "id": id, "input": input })).await[name].clone()
}
