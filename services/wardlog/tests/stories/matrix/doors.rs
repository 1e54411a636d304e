//! The doors that open to a key and to nobody's token: a filter's, and a directory's. Whose key opens what, of which place.

use std::collections::BTreeSet;

use directory::domain::workplace::Workplace;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{cast::Cast, rules};
use crate::{
    places::{At, Place},
    town::Town,
};

/// A key, and what the rules call it.
struct Key {
    name: &'static str,
    key: String,
}

/// Every route of either door, asked with each key of what is of each place; a line for each, or a panic that names those which
/// are not as the rules.
pub async fn by_key(town: &Town, cast: &Cast, lines: &mut Vec<String>) {
    let (mut found, mut own_keys) = (BTreeSet::new(), Vec::new());
    for place in &cast.places {
        own_keys.push(town.records.scim_key(workplace(place.at)).await.1);
    }
    for key in keys(town, cast, &own_keys).await {
        for (place, own_key) in cast.places.iter().zip(&own_keys) {
            for (method, path) in rules::door_routes().into_iter().chain(rules::scim_routes()) {
                let (route, account) = (format!("{} {path}", method.to_uppercase()), account(town, own_key).await);
                let opens = opens(town, &key, (place, own_key), (&method, &path), &account).await;
                lines.push(format!("{route} | {} | {} | {}", key.name, place.name, if opens { "yes" } else { "-" }));
                if opens {
                    found.insert((route, place.name.to_owned(), key.name.to_owned()));
                }
            }
        }
    }
    let rules = rules::doors();
    let beyond: Vec<_> = found.difference(&rules).collect();
    let missing: Vec<_> = rules.difference(&found).collect();
    assert!(
        beyond.is_empty() && missing.is_empty(),
        "opened beyond the rules: {beyond:?}, and not opened: {missing:?}"
    );
}

/// A filter's key and a directory's of one's own school, a directory's of the trust, and one that was revoked.
async fn keys(town: &Town, cast: &Cast, own_keys: &[String]) -> Vec<Key> {
    let place = |name| cast.places.iter().zip(own_keys).find(|(place, _)| place.name == name).unwrap();
    let ((own, scim), (_, of_trust)) = (place("own"), place("trust"));
    let (id, revoked) = town.records.scim_key(workplace(own.at)).await;
    town.records.revoke_scim_key(workplace(own.at), id).await;
    let closed = async {
        while ask(town, &revoked, Method::GET, &town.scim("/Users"), None).await.0 != StatusCode::UNAUTHORIZED {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), closed).await.expect("refused within 5 s");
    let key = |name, key: &String| Key { name, key: key.clone() };
    vec![
        key("filter-key", own.key.as_ref().unwrap()),
        key("scim-key", scim),
        key("scim-key@trust", of_trust),
        key("scim-key-revoked", &revoked),
    ]
}

fn workplace(at: At) -> Workplace {
    match at {
        At::School(school) => Workplace::School(school),
        At::Trust(trust) => Workplace::Trust(trust),
    }
}

/// A new account at a place, whose route may take it away: its id and its user name.
async fn account(town: &Town, own_key: &str) -> (String, String) {
    let name = format!("{}@x.example", web::clock::random_id().simple());
    let (_, made) = ask(town, own_key, Method::POST, &town.scim("/Users"), Some(user(&name))).await;
    (made["id"].as_str().unwrap().to_owned(), name)
}

/// Whether a key opens a route to what is of a place: to an account there, to a list or group in which it is, or to a batch of the
/// place's filter. What is sent goes to the key's own place: it opens to that which shows it, as its own key tells.
async fn opens(
    town: &Town,
    key: &Key,
    (place, own_key): (&Place, &str),
    (method, path): (&str, &str),
    (account, name): &(String, String),
) -> bool {
    let method: Method = method.to_uppercase().parse().unwrap();
    let is_own = match key.name {
        "scim-key@trust" => place.name == "trust",
        _ => place.name == "own",
    };
    let Some(path) = path.strip_prefix("/scim/v2") else {
        let batch = format!("b-{}", place.name);
        let url = town.door(&path.replace("{id}", &batch).replace("{format}", "squid"));
        let request = town.client.request(method.clone(), &url).bearer_auth(&key.key);
        let sent = format!("m-{}", web::clock::random_id());
        let kind = if path.contains("filter-logs") { "text/plain" } else { "application/x-ndjson" };
        let request = request.header("Idempotency-Key", sent).header("Content-Type", kind);
        let status = request.body("{}\n").send().await.unwrap().status();
        // A line that cannot be read was taken in: it is the key's own filter's.
        return status == StatusCode::OK || status == StatusCode::UNPROCESSABLE_ENTITY && is_own;
    };
    let of_user = path.starts_with("/Users");
    let url = town.scim(&path.replace("{id}", if of_user { account } else { "dpo" }));
    let member = json!({ "value": account });
    let body = match (&method, of_user) {
        (&Method::POST, true) => Some(user(&format!("{}@x.example", web::clock::random_id().simple()))),
        (&Method::PUT, true) => Some(user(name)),
        (&Method::PATCH, true) => {
            Some(json!({ "Operations": [{ "op": "replace", "path": "displayName", "value": "Somebody Else" }] }))
        }
        (&Method::PATCH, false) => {
            Some(json!({ "Operations": [{ "op": "add", "path": "members", "value": [member] }] }))
        }
        (&Method::PUT | &Method::POST, false) => Some(json!({ "displayName": "dpo", "members": [member] })),
        _ => None,
    };
    let is_in_group = async || {
        let (_, group) = ask(town, own_key, Method::GET, &town.scim("/Groups/dpo"), None).await;
        group.to_string().contains(account.as_str())
    };
    if matches!((&method, path), (&Method::GET, "/Groups" | "/Groups/{id}") | (&Method::DELETE, "/Groups/{id}")) {
        let add = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": account }] }] });
        ask(town, own_key, Method::PATCH, &town.scim("/Groups/dpo"), Some(add)).await;
        assert!(is_in_group().await, "{}", place.name);
    }
    let (status, shown) = ask(town, &key.key, method.clone(), &url, body).await;
    match (method, path) {
        (Method::POST, "/Users") => {
            let made = shown["id"].as_str().unwrap_or("nobody");
            ask(town, own_key, Method::GET, &town.scim(&format!("/Users/{made}")), None).await.0 == StatusCode::OK
        }
        // A role is there already, to whoever may say so.
        (Method::POST, _) => status == StatusCode::CONFLICT && is_own,
        (Method::DELETE, "/Groups/{id}") => !is_in_group().await,
        (Method::GET, "/Users" | "/Groups" | "/Groups/{id}") => shown.to_string().contains(account.as_str()),
        // They say what the door can, and nothing of anybody.
        (Method::GET, "/Schemas" | "/ResourceTypes" | "/ServiceProviderConfig") => status == StatusCode::OK && is_own,
        _ => status.is_success(),
    }
}

fn user(name: &str) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "active": true,
            "name": { "givenName": "Some", "familyName": "Body", "formatted": "Some Body" } })
}

async fn ask(town: &Town, key: &str, method: Method, url: &str, body: Option<Value>) -> (StatusCode, Value) {
    let mut request = town.client.request(method, url).bearer_auth(key);
    if let Some(body) = body {
        request = request.header("Content-Type", "application/scim+json").body(body.to_string());
    }
    let response = request.send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    (status, serde_json::from_str(&text).unwrap_or_default())
}
