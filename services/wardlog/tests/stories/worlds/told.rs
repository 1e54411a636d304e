//! A world's history, told to one of the two towns by the public API alone.

use chrono::{DateTime, Days, TimeDelta, Utc};
use directory::{DirectoryView, domain::workplace::Workplace};
use eventlog::catch_up;
use serde_json::{Value, json};

use super::{
    asking,
    world::{self, Act, PLACES, Step, TRUST, World},
};
use crate::{
    places::{self, At, LEFT, Place, head, root},
    town::{ISSUER, STAFF, Town},
};

/// What nobody was given by any act: a place's person or role that is not there yet.
const ABSENT: &str = "00000000-0000-4000-8000-000000000000";

/// A town that knows a world.
pub struct Told<'t> {
    pub town: &'t Town,
    /// The school, its sibling, the trust: with the people, roles and filters that everything begins with.
    pub places: [Place; PLACES],
    /// A SCIM key of each.
    pub scim: Vec<String>,
    /// What the secret brought into being, where it happened.
    pub secret: Option<Value>,
    people: [Vec<Value>; PLACES],
    /// An event of each place's first batch, which is what is opened in either world.
    flagged: [Value; PLACES],
    tokens: [Value; PLACES],
    /// Before either world began.
    pub at: DateTime<Utc>,
}

impl<'t> Told<'t> {
    /// Tells it, with or without its secret, and waits until the views show all of it.
    pub async fn history(town: &'t Town, world: &World, at: DateTime<Utc>, with_secret: bool) -> Self {
        let schools = (town.records.school(world.school(0)).await, town.records.school(world.school(1)).await);
        let trust = town.records.trust(&world.trust()).await;
        let at_places = [At::School(schools.0), At::School(schools.1), At::Trust(trust)];
        let mut scim = Vec::new();
        for place in [Workplace::School(schools.0), Workplace::School(schools.1), Workplace::Trust(trust)] {
            scim.push(town.records.scim_key(place).await.1);
        }
        let place = |(name, at)| Place {
            name,
            at,
            person: json!(ABSENT),
            role: json!(ABSENT),
            filter: None,
            key: None,
            flagged: json!(ABSENT),
            pupil: json!("0".repeat(16)),
            matter: Value::Null,
        };
        let places = [("school", at_places[0]), ("sibling", at_places[1]), ("trust", at_places[2])].map(place);
        let (people, flagged, tokens) = Default::default();
        let mut told = Self { town, places, scim, secret: None, people, flagged, tokens, at };
        for (n, step) in world::beginning().enumerate() {
            told.happens(step, &format!("w{}-b{n}", world.number)).await;
        }
        for place in &told.places {
            places::known(town, place.at).await;
        }
        if let Some(recused) = world.recused {
            let Step { place, person, .. } = world.secret;
            let people = &told.people[place];
            told.logs_in(&asking::subject(world, Some(recused)), place, &people[person]).await;
            told.logs_in(&asking::subject(world, Some(world.insider())), place, &people[1 - person]).await;
        }
        for (n, &step) in world.history.iter().enumerate() {
            if n == world.before && with_secret {
                told.secretly(world).await;
            }
            told.happens(step, &format!("w{}-h{n}", world.number)).await;
        }
        if world.before >= world.history.len() && with_secret {
            told.secretly(world).await;
        }
        told.settle().await;
        told
    }

    /// The secret's own batch, or command.
    pub fn secret_id(world: &World) -> String {
        format!("w{}-secret", world.number)
    }

    async fn secretly(&mut self, world: &World) {
        let done = self.does(world.secret, &Self::secret_id(world)).await;
        assert!(!done.is_null(), "world {}: {:?} is refused", world.number, world.secret);
        self.secret = Some(done);
    }

    /// Somebody there logs in as one of those who ask.
    async fn logs_in(&self, subject: &str, place: usize, person: &Value) {
        let at = self.places[place].at;
        let login = json!({ "at": at.input(), "personId": person, "issuer": ISSUER, "subject": subject });
        let done = places::tell(self.town, at, "linkLogin", "personId", subject, login).await;
        assert!(done["done"].is_object(), "{done}");
    }

    /// What happens in both worlds is referred to by later steps; a secret is not.
    async fn happens(&mut self, step: Step, id: &str) {
        let done = self.does(step, id).await;
        if step.act == Act::Send && self.flagged[step.place].is_null() {
            let flagged = self.first_flagged(step.place).await;
            let place = &mut self.places[step.place];
            (place.flagged, place.pupil) = (flagged["id"].clone(), flagged["user"].clone());
            self.flagged[step.place] = flagged;
        }
        let place = &mut self.places[step.place];
        match step.act {
            Act::Record if !done.is_null() => {
                self.people[step.place].push(done["personId"].clone());
                place.person = self.people[step.place][0].clone();
            }
            Act::Give if place.role == ABSENT => place.role = done["roleId"].clone(),
            Act::Register if place.filter.is_none() => place.filter = Some((done["sourceId"].clone(), json!(ABSENT))),
            Act::Issue if place.key.is_none() => {
                catch_up(&self.town.records.projections, &DirectoryView).await.unwrap();
                place.key = done["key"].as_str().map(str::to_owned);
            }
            _ => {}
        }
    }

    /// What was done, or null if it was refused.
    async fn does(&mut self, Step { act, place, person }: Step, id: &str) -> Value {
        let at = self.places[place].at;
        let source = self.places[place].filter.as_ref().map(|filter| filter.0.clone());
        let of = |more: Value| with(json!({ "at": at.input(), "personId": self.people[place][person] }), more);
        let at_school = |more: Value| with(json!({ "schoolId": at.id() }), more);
        let (name, done, input) = match act {
            Act::Record => {
                ("recordPerson", "personId", json!({ "at": at.input(), "category": "EMPLOYEE", "name": id }))
            }
            Act::Amend => ("amendPerson", "personId", of(json!({ "category": "CONTRACTOR", "name": id }))),
            Act::Link => ("linkLogin", "personId", of(json!({ "issuer": STAFF, "subject": id }))),
            Act::Give => ("giveRole", "roleId", of(json!({ "role": "DPO", "from": "2026-09-01" }))),
            Act::End => {
                ("endRole", "roleId", json!({ "at": at.input(), "roleId": self.places[place].role, "to": LEFT }))
            }
            Act::Leave => ("recordLeaving", "personId", of(json!({ "on": LEFT }))),
            Act::Hold => ("placeHold", "personId", of(json!({ "reason": "REGULATOR" }))),
            Act::Propose => ("proposeForgetting", "personId", of(json!({ "ground": "ERASURE_REQUEST" }))),
            Act::Read => {
                let people = [&self.people[place][person]];
                let input = json!({ "at": at.input(), "personIds": people, "purpose": "STAFFING" });
                ("readIdentities", "people { name }", input)
            }
            Act::Disclose => ("discloseRecord", "entries { event }", of(json!({}))),
            Act::Register => ("registerSource", "sourceId", at_school(json!({ "name": id, "vocabulary": "GENERAL" }))),
            Act::Issue => ("issueIngestKey", "keyId key", at_school(json!({ "sourceId": source }))),
            Act::Send => return self.send(place, id).await,
            Act::Open => {
                let input = json!({ "eventIds": [self.flagged[place]["id"]], "purpose": "MISUSE" });
                ("openFlaggedEvents", "events { id }", at_school(input))
            }
            Act::Recuse => return self.recuse(place, person, id).await,
            Act::ProposeName => {
                let name = &self.flagged[place]["user"];
                ("proposeNameForgetting", "name", at_school(json!({ "name": name, "ground": "ERASURE_REQUEST" })))
            }
            Act::HoldName => {
                let name = &self.flagged[place]["user"];
                ("placeNameHold", "name", at_school(json!({ "name": name, "reason": "POLICE" })))
            }
            Act::DiscloseName => {
                let (name, hour) = (&self.flagged[place]["user"], TimeDelta::hours(1));
                let time = json!({ "from": self.at - hour, "to": self.at + hour });
                let of = with(json!({ "name": name, "knownBy": "PSEUDONYM" }), time);
                ("discloseName", "requests { host }", at_school(of))
            }
            Act::Substitute => {
                let people = [&self.people[place][person]];
                ("nameSubstitutes", "role", json!({ "at": at.input(), "role": "DPO", "personIds": people }))
            }
        };
        let outcome = places::tell(self.town, at, name, done, id, input).await;
        if outcome["token"].is_string() {
            self.tokens[place] = outcome["token"].clone();
        }
        outcome["done"].clone()
    }

    /// A new matter, and something done for it.
    async fn recuse(&mut self, place: usize, person: usize, id: &str) -> Value {
        let at = self.places[place].at;
        let recused = json!({ "at": at.input(), "personId": self.people[place][person] });
        let recused = places::tell(self.town, at, "recuse", "matterId", id, recused).await["done"].clone();
        let matter = &recused["matterId"];
        let read = json!({ "at": at.input(), "personIds": [self.people[place][1 - person]], "purpose": "REVIEW", "matterId": matter });
        let mut done =
            places::tell(self.town, at, "readIdentities", "people { name }", &format!("{id}-read"), read).await;
        if place != TRUST {
            let events = [&self.flagged[place]["id"]];
            let open = json!({ "schoolId": at.id(), "eventIds": events, "purpose": "MISUSE", "matterId": matter });
            done = places::tell(self.town, at, "openFlaggedEvents", "events { id }", &format!("{id}-open"), open).await;
        }
        assert!(done["done"].is_object(), "{done}");
        self.tokens[place] = done["token"].clone();
        recused
    }

    /// A batch of what was asked for before either world began, by somebody new.
    async fn send(&self, place: usize, id: &str) -> Value {
        let event = |n: i32| {
            let time = self.at - TimeDelta::seconds(n.into());
            json!({ "time": time.to_rfc3339(), "action": "blocked", "host": "a.example", "category": ["gambling"], "user": id })
        };
        let events: Vec<_> = (0..8).map(event).collect();
        self.town.send(self.places[place].key.as_ref().unwrap(), id, &events).await;
        json!(id)
    }

    /// The first that is listed.
    async fn first_flagged(&self, place: usize) -> Value {
        let list = "query($id: UUID!, $from: NaiveDate!, $to: NaiveDate!) { school(id: $id) {
            flaggedEvents(from: $from, to: $to) { id user } } }";
        let day = schema::london_day(self.at);
        let days = json!({ "id": self.places[place].at.id(), "from": day - Days::new(1), "to": day });
        let seen = self.town.ask(head(self.places[place].at), list, days).await;
        seen["school"]["flaggedEvents"][0].clone()
    }

    async fn settle(&self) {
        for (place, token) in self.places.iter().zip(&self.tokens) {
            settle(self.town, place.at, token).await;
        }
    }
}

/// Waits until the views show what a token of the place stands for.
pub async fn settle(town: &Town, at: At, token: &Value) {
    let of_school = match at {
        At::School(_) => "sources { id } flaggedEventOpenings { at } nameForgettings { name } dslGaps { from }",
        At::Trust(_) => "",
    };
    let lists = format!("people {{ id }} identityReadings {{ at }} {of_school}");
    let query = format!("query($id: UUID!) {{ {}(id: $id) {{ {lists} }} }}", root(at));
    town.ask_after(head(at), &query, json!({ "id": at.id() }), token).await;
}

fn with(mut input: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more} is no object") };
    input.as_object_mut().unwrap().extend(more);
    input
}
