//! Who asks, and about what: somebody in every role, and schools that are theirs, their trust's, or others'.

use schema::people::{Site, StaffRole};
use serde_json::{Value, json};

use super::until_roles;
use crate::{
    places::{self, At, Place, head, root, tell},
    town::{REGISTER, STAFF, Town},
};

/// Whether somebody holds a role today, held it until yesterday or will hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Today,
    Ended,
    Future,
}

/// Somebody who holds a role, or several at once, or none.
pub struct Actor {
    roles: Vec<(StaffRole, Site)>,
    when: When,
    pub subject: String,
    at: At,
    pub person: Value,
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
        let role = |(role, site): &(StaffRole, Site)| match site {
            Site::School => role.to_string(),
            Site::Trust => format!("{role}@trust"),
        };
        if self.roles.is_empty() {
            return "nobody".to_owned();
        }
        self.roles.iter().map(role).collect::<Vec<_>>().join("+")
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
            places.push(places::school(town, name, urn).await);
        }
        for (name, uid) in [("trust", "11"), ("other-trust", "22")] {
            places.push(places::trust(town, name, uid).await);
        }
        let mut actors = Vec::new();
        let (ash, north) = (places[0].at, places[5].at);
        for when in [When::Today, When::Ended, When::Future] {
            for (&role, (site, at)) in
                StaffRole::ALL.iter().flat_map(|r| [(r, (Site::School, ash)), (r, (Site::Trust, north))])
            {
                if role.is_of(site) {
                    actors.push(actor(town, vec![(role, site)], when, at, ash).await);
                }
            }
        }
        actors.push(actor(town, Vec::new(), When::Today, ash, ash).await);
        for (roles, at) in several(ash, north) {
            actors.push(actor(town, roles, When::Today, at, ash).await);
        }
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

/// The roles of those who hold several, and where they are recorded: of one school, and of a trust and one of its schools.
fn several(school: At, trust: At) -> [(Vec<(StaffRole, Site)>, At); 3] {
    let of_school = |role| (role, Site::School);
    [
        (vec![of_school(StaffRole::Governor), of_school(StaffRole::IctManager)], school),
        (vec![of_school(StaffRole::Dpo), of_school(StaffRole::Teacher)], school),
        (vec![(StaffRole::MatSafeguardingLead, Site::Trust), of_school(StaffRole::DeputyDsl)], trust),
    ]
}

/// Somebody who is recorded at a place, with roles there or at the school.
async fn actor(town: &Town, roles: Vec<(StaffRole, Site)>, when: When, at: At, school: At) -> Actor {
    let mut actor = Actor { roles, when, subject: String::new(), at, person: Value::Null, login: Value::Null };
    actor.subject = format!("{}-{when:?}", actor.name());
    let id = |n: u8| format!("{}-{n}", actor.subject);
    let input = json!({ "at": at.input(), "category": "EMPLOYEE", "name": actor.subject });
    let person = tell(town, at, "recordPerson", "personId", &id(1), input).await["done"]["personId"].clone();
    let login = json!({ "at": at.input(), "personId": person, "issuer": STAFF, "subject": actor.subject });
    tell(town, at, "linkLogin", "personId", &id(2), login).await;
    for (n, &(role, site)) in actor.roles.iter().enumerate() {
        let (from, to) = match when {
            When::Today => ("2026-09-01", Some("2098-01-01")),
            When::Ended => ("2026-01-01", Some("2026-06-01")),
            When::Future => ("2098-01-01", None),
        };
        let held = if matches!(site, Site::School) { school } else { at };
        let word = role.as_str().to_uppercase().replace('-', "_");
        let role = json!({ "at": held.input(), "personId": person, "role": word, "from": from, "to": to });
        let given = tell(town, held, "giveRole", "roleId", &format!("{}-3-{n}", actor.subject), role).await;
        assert!(given["done"].is_object(), "{}: {given}", actor.subject);
    }
    actor.person = person;
    actor
}
