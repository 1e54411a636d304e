//! What can be asked for by its id, as a pair: one that exists and is another's, and one that does not exist.

use access::HeldRole;
use reqwest::RequestBuilder;
use schema::{SchoolId, TrustId};
use serde_json::{Value, json};

use crate::{
    matrix::asked::{MUTATIONS, input},
    places::{self, At, Place, tell},
    town::{Town, event},
};

/// Which of a pair.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    Forbidden,
    Absent,
}

/// A pair of questions that differ in ids alone.
pub struct Probe {
    pub name: String,
    asked: Asked,
}

enum Asked {
    /// Of the gateway: a document, and its variables.
    Graphql { token: String, query: String, forbidden: Value, absent: Value },
    /// Of the door: a filter's key, and a batch of another's and one of nobody's.
    Batch { key: String, forbidden: String, absent: String },
}

impl Probe {
    pub fn request(&self, town: &Town, which: Which) -> RequestBuilder {
        match &self.asked {
            Asked::Graphql { token, query, forbidden, absent } => {
                let mut variables = match which {
                    Which::Forbidden => forbidden.clone(),
                    Which::Absent => absent.clone(),
                };
                variables["command"] = json!(web::clock::random_id());
                let body = json!({ "query": query, "variables": variables });
                town.client.post(town.gateway("/graphql")).bearer_auth(token).json(&body)
            }
            Asked::Batch { key, forbidden, absent } => {
                let batch = match which {
                    Which::Forbidden => forbidden,
                    Which::Absent => absent,
                };
                town.client.get(town.door(&format!("/v1/batches/{batch}"))).bearer_auth(key)
            }
        }
    }

    /// Whether this is the answer to whoever has no such thing.
    pub fn tells_nothing(&self, body: &str) -> bool {
        match &self.asked {
            Asked::Graphql { .. } => {
                let answer: Value = serde_json::from_str(body).unwrap();
                let found = &answer["data"]["found"];
                found.is_null() && answer.get("errors").is_none() || found["refused"].is_object()
            }
            Asked::Batch { .. } => body.contains("404"),
        }
    }
}

/// All of them: as a DSL of `Ash` and as the safeguarding lead of its trust `North`.
pub async fn all(town: &Town) -> Vec<Probe> {
    let (own, other) = (places::school(town, "own", 100_001).await, places::school(town, "other", 100_003).await);
    let (trust, other_trust) = (places::trust(town, "trust", "11").await, places::trust(town, "other", "22").await);
    let (dsl, lead) = (places::head(own.at), places::head(trust.at));
    let mut all = Vec::new();
    for (role, name) in [(dsl, "a DSL"), (lead, "a trust's lead")] {
        all.push(read(town, role, format!("Query.school, as {name}"), "school", other.at));
        all.push(read(town, role, format!("Query.trust, as {name}"), "trust", other_trust.at));
    }
    // At a place of another's, and with what is another's at a place of one's own.
    for (role, own, other) in [(dsl, &own, &other), (lead, &trust, &other_trust)] {
        let nowhere = nowhere(other);
        all.extend(mutations(town, role, "at another's place", (other, &nowhere)));
        let (theirs, nobodys) = (Place { at: own.at, ..other.clone() }, Place { at: own.at, ..nowhere });
        all.extend(mutations(town, role, "of another's record at one's own", (&theirs, &nobodys)));
    }
    for (role, own) in [(dsl, &own), (lead, &trust)] {
        let (theirs, nobodys) = (recused(town, own).await, json!(web::clock::ordered_id()));
        let of = |matter| Place { matter, ..own.clone() };
        all.extend(mutations(town, role, "of a matter that they are recused from", (&of(theirs), &of(nobodys))));
    }
    all.push(batches(town).await);
    all
}

/// A matter of a place, from which whoever asks is recused.
async fn recused(town: &Town, place: &Place) -> Value {
    let person = places::known(town, place.at).await;
    let recuse = json!({ "at": place.at.input(), "personId": person });
    tell(town, place.at, "recuse", "matterId", "recused", recuse).await["done"]["matterId"].clone()
}

fn read(town: &Town, role: HeldRole, name: String, root: &str, other: At) -> Probe {
    let query = format!("query($id: UUID!) {{ found: {root}(id: $id) {{ id name }} }}");
    let of = |id| json!({ "id": id });
    let absent = of(web::clock::ordered_id());
    Probe { name, asked: Asked::Graphql { token: town.token(role), query, forbidden: of(other.id()), absent } }
}

/// A place like `other` that does not exist, with what does not exist there.
fn nowhere(other: &Place) -> Place {
    let id = web::clock::ordered_id;
    let at = match other.at {
        At::School(_) => At::School(SchoolId::from(id())),
        At::Trust(_) => At::Trust(TrustId::from(id())),
    };
    let filter = other.filter.as_ref().map(|_| (json!(id()), json!(id())));
    let (flagged, pupil) = (json!(id()), json!(format!("{:016x}", rand::random::<u64>())));
    let (person, role, matter) = (json!(id()), json!(id()), Value::Null);
    Place { name: "nowhere", at, person, role, filter, key: None, flagged, pupil, matter }
}

/// A probe of each mutation of which the two places make a pair.
fn mutations(town: &Town, role: HeldRole, how: &str, (forbidden, absent): (&Place, &Place)) -> Vec<Probe> {
    let of = |&(name, way, kind): &(&str, &str, &str)| {
        let (forbidden, absent) = (input(name, way, forbidden)?, input(name, way, absent)?);
        // What names nothing but a place of one's own would be done.
        (forbidden != absent).then(|| {
            let query = format!(
                "mutation($command: String!, $input: {kind}!) {{ found: {name}(commandId: $command, input: $input) {{
                 done {{ __typename }} refused {{ reason field message }} token }} }}"
            );
            let of = |input| json!({ "input": input });
            let (forbidden, absent) = (of(forbidden), of(absent));
            let asked = Asked::Graphql { token: town.token(role), query, forbidden, absent };
            Probe { name: format!("{name}{way} {how}, as {}", role.role), asked }
        })
    };
    MUTATIONS.iter().filter_map(of).collect()
}

/// Of two filters of two schools, of which one sent a batch.
async fn batches(town: &Town) -> Probe {
    let (key, others) = (town.records.filter(100_002).await, town.records.filter(100_004).await);
    town.send(&others, "batch-1", &[event("gambling", "blocked")]).await;
    let (forbidden, absent) = ("batch-1".to_owned(), "batch-2".to_owned());
    Probe { name: "GET /v1/batches/{id}, as a filter".to_owned(), asked: Asked::Batch { key, forbidden, absent } }
}
