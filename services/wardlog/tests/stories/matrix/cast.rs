//! Who asks, and about what: somebody in every role, and schools that are theirs, their trust's, or others'.

use access::HeldRole;
use schema::people::{Site, StaffRole};
use serde_json::{Value, json};

use super::{
    asked::{At, LEFT, LINKED, Place},
    until_roles,
};
use crate::town::{REGISTER, STAFF, Town, event};

/// Whether somebody holds a role today, held it until yesterday or will hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Today,
    Ended,
    Future,
}

/// Somebody who holds a role, or none.
pub struct Actor {
    role: Option<(StaffRole, Site)>,
    when: When,
    pub subject: String,
    at: At,
    person: Value,
    login: Value,
}

/// Everybody, and everything that they are asked about.
pub struct Cast {
    actors: Vec<Actor>,
    pub places: Vec<Place>,
}

impl Actor {
    /// As the rules write it.
    pub fn name(&self) -> String {
        match self.role {
            Some((role, Site::School)) => role.to_string(),
            Some((role, Site::Trust)) => format!("{role}@trust"),
            None => "nobody".to_owned(),
        }
    }
}

/// A sixth school, which leaves its trust.
const FIR: (&str, &str) = (
    "100006,Fir School,Leeds,Primary,Academy converter,Open,11,NORTH TRUST,100\n",
    "100006,Fir School,Leeds,Primary,Academy converter,Open,22,SOUTH TRUST,100\n",
);

impl Cast {
    pub async fn of(town: &Town) -> Self {
        for (line, on) in [(FIR.0, "2026-09-02"), (FIR.1, "2026-10-01")] {
            town.records.import_more(&format!("{REGISTER}{line}"), on).await;
        }
        let schools =
            [("own", 100_001), ("sibling", 100_002), ("former", 100_006), ("other", 100_003), ("alone", 100_005)];
        let mut places = Vec::new();
        for (name, urn) in schools {
            places.push(school(town, name, urn).await);
        }
        for (name, uid) in [("trust", "11"), ("other-trust", "22")] {
            let at = At::Trust(town.records.trust(uid).await);
            let (person, role) = leaver(town, at).await;
            places.push(Place { name, at, person, role, filter: None });
        }
        let mut actors = Vec::new();
        let (ash, north) = (places[0].at, places[5].at);
        for when in [When::Today, When::Ended, When::Future] {
            for (&role, (site, at)) in
                StaffRole::ALL.iter().flat_map(|r| [(r, (Site::School, ash)), (r, (Site::Trust, north))])
            {
                if role.is_of(site) {
                    actors.push(actor(town, Some((role, site)), when, at).await);
                }
            }
        }
        actors.push(actor(town, None, When::Today, ash).await);
        let mut cast = Self { actors, places };
        for at in [ash, north] {
            cast.learn_logins(town, at).await;
        }
        cast
    }

    pub fn actors(&self, when: When) -> impl Iterator<Item = &Actor> {
        self.actors.iter().filter(move |actor| actor.when == when)
    }

    /// Takes the logins of all who hold a role today, and waits until nobody reads by them.
    pub async fn take_logins_away(&self, town: &Town) {
        for actor in self.actors(When::Today) {
            let input = json!({ "at": actor.at.input(), "personId": actor.person, "login": actor.login });
            tell(town, actor.at, "unlinkLogin", "personId", &format!("{}-unlinked", actor.subject), input).await;
        }
        for actor in self.actors(When::Today) {
            until_roles(town, &actor.subject, 0).await;
        }
    }

    /// Waits until the view shows everybody at a place, with how they log in.
    async fn learn_logins(&mut self, town: &Town, at: At) {
        let (root, by) = (root(at), head(at));
        let query = format!("query($id: UUID!) {{ {root}(id: $id) {{ people {{ id logins }} }} }}");
        let input = json!({ "at": at.input(), "category": "VOLUNTEER", "name": "The last" });
        let last = tell(town, at, "recordPerson", "personId", "the-last", input).await;
        let seen = town.ask_after(by, &query, json!({ "id": at.id() }), &last["token"]).await;
        let people = seen[root]["people"].as_array().unwrap();
        for actor in self.actors.iter_mut().filter(|actor| actor.at.id() == at.id()) {
            let known =
                people.iter().find(|person| person["id"] == actor.person).expect("whoever is recorded is shown");
            actor.login = known["logins"][0].clone();
        }
    }
}

/// A school with a filter, and with something counted.
async fn school(town: &Town, name: &'static str, urn: u32) -> Place {
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
    let (person, role) = leaver(town, at).await;
    Place { name, at, person, role, filter: Some((source, revoked)) }
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

async fn actor(town: &Town, role: Option<(StaffRole, Site)>, when: When, at: At) -> Actor {
    let mut actor = Actor { role, when, subject: String::new(), at, person: Value::Null, login: Value::Null };
    actor.subject = format!("{}-{when:?}", actor.name());
    let id = |n: u8| format!("{}-{n}", actor.subject);
    let input = json!({ "at": at.input(), "category": "EMPLOYEE", "name": actor.subject });
    let person = tell(town, at, "recordPerson", "personId", &id(1), input).await["done"]["personId"].clone();
    let login = json!({ "at": at.input(), "personId": person, "issuer": STAFF, "subject": actor.subject });
    tell(town, at, "linkLogin", "personId", &id(2), login).await;
    if let Some((role, _)) = role {
        let (from, to) = match when {
            When::Today => ("2026-09-01", Some("2098-01-01")),
            When::Ended => ("2026-01-01", Some("2026-06-01")),
            When::Future => ("2098-01-01", None),
        };
        let word = role.as_str().to_uppercase().replace('-', "_");
        let role = json!({ "at": at.input(), "personId": person, "role": word, "from": from, "to": to });
        let given = tell(town, at, "giveRole", "roleId", &id(3), role).await;
        assert!(given["done"].is_object(), "{}: {given}", actor.subject);
    }
    actor.person = person;
    actor
}

/// Whoever may command everything there.
fn head(at: At) -> HeldRole {
    match at {
        At::School(school) => HeldRole::dsl(school),
        At::Trust(trust) => HeldRole::mat_lead(trust),
    }
}

const fn root(at: At) -> &'static str {
    match at {
        At::School(_) => "school",
        At::Trust(_) => "trust",
    }
}

/// Sends a mutation as whoever may; its outcome.
async fn tell(town: &Town, at: At, name: &str, done: &str, id: &str, input: Value) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let mutation = format!(
        "mutation($id: String!, $input: {kind}!) {{ {name}(commandId: $id, input: $input) {{ done {{ {done} }} refused {{ reason }} token }} }}"
    );
    town.ask(head(at), &mutation, json!({ "id": id, "input": input })).await[name].clone()
}
