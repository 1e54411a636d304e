//! What can be asked for by its id, as a pair: one that exists and is another's, and one that does not exist.

use access::HeldRole;
use directory::domain::workplace::Workplace;
use reqwest::{Method, RequestBuilder, header::CONTENT_TYPE};
use schema::{SchoolId, TrustId};
use serde_json::{Map, Value, json};

use crate::{
    matrix::asked::{MUTATIONS, input},
    places::{self, At, Place, tell},
    town::{STAFF, Town, event},
};

/// As much as a matter comes to.
const HIDDEN: usize = 20;

/// Which of a pair.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    Forbidden,
    Absent,
}

/// A pair of questions that differ in ids alone.
pub struct Probe {
    pub name: String,
    forbidden: Asked,
    absent: Asked,
}

#[derive(Clone)]
enum Asked {
    /// Of the gateway: a document, and its variables.
    Graphql { token: String, query: String, variables: Value },
    /// Of the door or of a directory's.
    Rest { method: Method, url: String, key: String, body: Option<Value> },
}

impl Probe {
    pub fn request(&self, town: &Town, which: Which) -> RequestBuilder {
        let asked = match which {
            Which::Forbidden => &self.forbidden,
            Which::Absent => &self.absent,
        };
        match asked {
            Asked::Graphql { token, query, variables } => {
                let mut variables = variables.clone();
                variables["command"] = json!(web::clock::random_id());
                let body = json!({ "query": query, "variables": variables });
                town.client.post(town.gateway("/graphql")).bearer_auth(token).json(&body)
            }
            Asked::Rest { method, url, key, body } => {
                let request = town.client.request(method.clone(), url).bearer_auth(key);
                match body {
                    Some(body) => request.header(CONTENT_TYPE, "application/scim+json").body(body.to_string()),
                    None => request,
                }
            }
        }
    }

    /// Whether this is the answer to whoever has no such thing.
    pub fn tells_nothing(&self, body: &str) -> bool {
        match &self.absent {
            Asked::Graphql { .. } => {
                let answer: Value = serde_json::from_str(body).unwrap();
                let found = &answer["data"]["found"];
                let is_empty = |lists: &Map<String, Value>| lists.values().all(|list| *list == json!([]));
                answer.get("errors").is_none() && (found.is_null() || found.as_object().is_some_and(is_empty))
                    || found["refused"].is_object()
            }
            Asked::Rest { .. } => body.contains("404"),
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
    all.extend(directory(town).await);
    all.push(hidden_in_lists(town).await);
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
    let of = |id| Asked::Graphql { token: town.token(role), query: query.clone(), variables: json!({ "id": id }) };
    Probe { name, forbidden: of(other.id()), absent: of(web::clock::ordered_id()) }
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
            let of = |input| Asked::Graphql {
                token: town.token(role),
                query: query.clone(),
                variables: json!({ "input": input }),
            };
            Probe { name: format!("{name}{way} {how}, as {}", role.role), forbidden: of(forbidden), absent: of(absent) }
        })
    };
    MUTATIONS.iter().filter_map(of).collect()
}

/// Of two filters of two schools, of which one sent a batch.
async fn batches(town: &Town) -> Probe {
    let (key, others) = (town.records.filter(100_002).await, town.records.filter(100_004).await);
    town.send(&others, "batch-1", &[event("gambling", "blocked")]).await;
    let of = |batch: &str| Asked::Rest {
        method: Method::GET,
        url: town.door(&format!("/v1/batches/{batch}")),
        key: key.clone(),
        body: None,
    };
    Probe { name: "GET /v1/batches/{id}, as a filter".to_owned(), forbidden: of("batch-1"), absent: of("batch-2") }
}

/// Of two schools' directories, of which one made somebody.
async fn directory(town: &Town) -> Vec<Probe> {
    let (own, other) = (town.records.school(100_002).await, town.records.school(100_004).await);
    let (_, key) = town.records.scim_key(Workplace::School(own)).await;
    let (_, others) = town.records.scim_key(Workplace::School(other)).await;
    let user = json!({ "userName": "zoe@dogwood.example", "active": true, "name": { "formatted": "Zoe" } });
    let made = town.client.post(town.scim("/Users")).bearer_auth(others).body(user.to_string());
    let made = made.header(CONTENT_TYPE, "application/scim+json").send().await.unwrap();
    let theirs: Value = serde_json::from_slice(&made.bytes().await.unwrap()).unwrap();
    let off = json!({ "Operations": [{ "op": "Replace", "path": "active", "value": false }] });
    [(Method::GET, None), (Method::PATCH, Some(off)), (Method::DELETE, None)]
        .into_iter()
        .map(|(method, body)| {
            let of = |id: &str| Asked::Rest {
                method: method.clone(),
                url: town.scim(&format!("/Users/{id}")),
                key: key.clone(),
                body: body.clone(),
            };
            Probe {
                name: format!("{method} /scim/v2/Users/{{id}}, as a directory"),
                forbidden: of(theirs["id"].as_str().unwrap()),
                absent: of(&web::clock::ordered_id().to_string()),
            }
        })
        .collect()
}

/// Of two schools' lists, of which one has what was done for a matter that whoever asks is recused from.
async fn hidden_in_lists(town: &Town) -> Probe {
    let query = "query($id: UUID!) { found: school(id: $id) { recusals { matterId } identityReadings { purpose } } }";
    let mut of = Vec::new();
    for (urn, number) in [(100_002, HIDDEN), (100_004, 0)] {
        let at = At::School(town.records.school(urn).await);
        let person = places::known(town, at).await;
        let deputy = format!("deputy of {urn}");
        let input = json!({ "at": at.input(), "category": "EMPLOYEE", "name": "The deputy" });
        let known = tell(town, at, "recordPerson", "personId", "h-1", input).await["done"]["personId"].clone();
        let login = json!({ "at": at.input(), "personId": known, "issuer": STAFF, "subject": deputy });
        tell(town, at, "linkLogin", "personId", "h-2", login).await;
        let role = json!({ "at": at.input(), "personId": known, "role": "DEPUTY_DSL", "from": "2026-09-01" });
        let given = tell(town, at, "giveRole", "roleId", "h-3", role).await;
        let mut after = given["token"].clone();
        if number > 0 {
            let recuse = json!({ "at": at.input(), "personId": person });
            let matter = tell(town, at, "recuse", "matterId", "h-4", recuse).await["done"]["matterId"].clone();
            for reading in 0..number {
                let mutation = "mutation($id: String!, $input: ReadIdentitiesInput!) {
                    readIdentities(commandId: $id, input: $input) { done { people { name } } token } }";
                let input =
                    json!({ "at": at.input(), "personIds": [known], "purpose": "STAFFING", "matterId": matter });
                let variables = json!({ "id": format!("h-{reading}-r"), "input": input });
                let read = town.ask_as(&deputy, mutation, variables, &after).await["readIdentities"].clone();
                assert!(read["done"].is_object(), "{read}");
                after = read["token"].clone();
            }
        }
        // What is asked shows all that was told.
        town.ask_after(places::head(at), query, json!({ "id": at.id() }), &after).await;
        let (token, query) = (town.token(places::head(at)), query.to_owned());
        of.push(Asked::Graphql { token, query, variables: json!({ "id": at.id() }) });
    }
    let absent = of.pop().unwrap();
    let name = format!("lists with {HIDDEN} hidden entries and with none, as a DSL who is recused");
    Probe { name, forbidden: of.pop().unwrap(), absent }
}
