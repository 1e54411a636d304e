//! Everything that somebody can ask, and all that they are answered.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use eventlog::Owner;
use reqwest::{
    RequestBuilder,
    header::{HOST, HeaderMap},
};
use serde_json::{Value, json};
use web::clock;

use super::{
    told::{self, Told},
    world::{Act, Observer, World},
};
use crate::{
    matrix::asked::{self, Document},
    places::{At, Place},
    town::Town,
};

/// Somebody who asks in one of the towns.
pub struct Asker<'t> {
    town: &'t Town,
    world: &'t World,
    token: String,
    name: String,
    since: DateTime<Utc>,
}

/// What was asked, and the answer: its status, headers and body.
pub type Asked = (String, Value);

impl<'t> Asker<'t> {
    pub fn of(told: &Told<'t>, who: Observer, world: &'t World) -> Self {
        let name = format!("{who:?}");
        let roles = who.map(|(role, place)| {
            let at = match told.places[place].at {
                At::School(school) => Owner::School(school),
                At::Trust(trust) => Owner::Trust(trust),
            };
            access::HeldRole { role, at }
        });
        let subject = subject(world, who).parse().unwrap();
        let roles: access::HeldRoles = roles.into_iter().collect();
        let token = told.town.issuer.mint(&subject, roles, clock::now(), TimeDelta::hours(1));
        Self { town: told.town, world, token, name, since: told.at }
    }

    /// All that can be read of some places.
    pub async fn reads(&self, places: &[Place]) -> Vec<Asked> {
        let mut alike = Alike::since(self.since);
        let mut answers = vec![self.ask(&viewer(), &mut alike).await];
        for document in places.iter().flat_map(asked::read_whole) {
            answers.push(self.ask(&document, &mut alike).await);
        }
        answers
    }

    /// All that can be read and all that can be told. `secret` is what it brought into being, in
    /// whichever world it did: whoever knows its ids may still not learn by them that there is such a thing.
    pub async fn everything(&self, told: &Told<'_>, secret: &Value) -> Vec<Asked> {
        let mut answers = self.reads(&told.places).await;
        let mut alike = Alike::since(self.since);
        let with_its_ids = place_of(told, self.world, secret);
        let id = Told::secret_id(self.world);
        for place in told.places.iter().chain([&with_its_ids]) {
            let own = asked::tell(place, |name| format!("{}-{}-{name}", self.name.replace(' ', ""), place.name));
            for document in own.iter().chain(&asked::tell(place, |_| id.clone())) {
                answers.push(self.ask(document, &mut alike).await);
                // Some rules look at a view: what comes next is decided by what was done.
                for token in alike.tokens.drain(..) {
                    told::settle(self.town, place.at, &token).await;
                }
            }
        }
        answers
    }

    async fn ask(&self, Document { query, variables, .. }: &Document, alike: &mut Alike) -> Asked {
        let request = self.town.client.post(self.town.gateway("/graphql")).bearer_auth(&self.token);
        let answer = alike.answer(request.json(&json!({ "query": query, "variables": variables }))).await;
        // The pseudonyms of the two towns' pupils are others.
        (format!("{query} with {}", alike.value("", variables.clone())), answer)
    }
}

/// As whom somebody logs in.
pub fn subject(world: &World, who: Observer) -> String {
    format!("world-{}-{}", world.number, blake3::hash(format!("{who:?}").as_bytes()).to_hex())
}

fn viewer() -> Document {
    Document::of("{ viewer { roles { role schoolId trustId } } }", json!({}))
}

/// What a directory and a filter of the places beside are answered.
pub async fn other_doors(told: &Told<'_>, world: &World) -> Vec<Asked> {
    let (town, id) = (told.town, Told::secret_id(world));
    let (mut alike, mut answers) = (Alike::since(told.at), Vec::new());
    for (n, place) in told.places.iter().enumerate().filter(|(n, _)| *n != world.secret.place) {
        for path in ["/Users", "/Groups", "/Users?filter=userName%20eq%20%22a%40b.example%22"] {
            let request = town.client.get(town.scim(path)).bearer_auth(&told.scim[n]);
            answers.push((format!("SCIM {path} {}", place.name), alike.answer(request).await));
        }
        if let Some(key) = &place.key {
            let batch = town.client.get(town.door(&format!("/v1/batches/{id}"))).bearer_auth(key);
            answers.push((format!("batch {}", place.name), alike.answer(batch).await));
        }
    }
    answers
}

/// The secret's place, by the ids of what the secret brought into being.
fn place_of(told: &Told<'_>, world: &World, secret: &Value) -> Place {
    let beside = &told.places[world.secret.place];
    let (mut person, mut role, mut filter) = (beside.person.clone(), beside.role.clone(), beside.filter.clone());
    let (flagged, pupil) = (beside.flagged.clone(), beside.pupil.clone());
    let mut matter = Value::Null;
    match world.secret.act {
        Act::Record => person = secret["personId"].clone(),
        Act::Give => role = secret["roleId"].clone(),
        Act::Register => filter.as_mut().unwrap().0 = secret["sourceId"].clone(),
        Act::Issue => filter.as_mut().unwrap().1 = secret["keyId"].clone(),
        Act::Recuse => matter = secret["matterId"].clone(),
        _ => {}
    }
    Place { name: "with-its-ids", at: beside.at, person, role, filter, key: None, flagged, pupil, matter }
}

/// What differs between any two answers stands for itself: it is numbered as it first comes.
struct Alike {
    /// Before the first of the two worlds began.
    since: DateTime<Utc>,
    known: HashMap<String, usize>,
    /// The tokens since somebody took them.
    tokens: Vec<Value>,
}

impl Alike {
    fn since(since: DateTime<Utc>) -> Self {
        Self { since, known: HashMap::new(), tokens: Vec::new() }
    }

    async fn answer(&mut self, request: RequestBuilder) -> Value {
        // Each town listens elsewhere.
        let response = request.header(HOST, "town.example").send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), Self::headers(response.headers()));
        let body = response.text().await.unwrap();
        let body = serde_json::from_str(&body).map_or(Value::String(body), |body| self.value("", body));
        json!({ "status": status, "headers": headers, "body": body })
    }

    /// All but those of the instant and of its own trace.
    fn headers(headers: &HeaderMap) -> Vec<String> {
        let own = ["date", "content-length", "traceparent", "x-correlation-id"];
        let kept = headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
        let mut kept: Vec<_> = kept.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        kept.sort();
        kept
    }

    fn value(&mut self, name: &str, value: Value) -> Value {
        match value {
            Value::Object(mut members) => {
                // They come in the order in which they were resolved.
                members.sort_keys();
                members.into_iter().map(|(name, value)| (name.clone(), self.value(&name, value))).collect()
            }
            Value::Array(values) => values.into_iter().map(|value| self.value(name, value)).collect(),
            Value::String(text) => Value::String(self.text(name, text)),
            other => other,
        }
    }

    fn text(&mut self, name: &str, text: String) -> String {
        let is_pseudonym = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_of_now = DateTime::parse_from_rfc3339(&text).is_ok_and(|instant| instant > self.since);
        if name == "token" {
            let length = text.len();
            self.tokens.push(text.into());
            format!("a token of {length}")
        } else if is_pseudonym || is_of_now {
            let next = self.known.len();
            format!("no. {}", self.known.entry(text).or_insert(next))
        } else {
            text
        }
    }
}
