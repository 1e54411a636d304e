//! A school's own directory says who works there, as Entra ID and Google Workspace write it (SCIM 2.0).

mod door;
mod groups;
mod leavers;
mod users;

use directory::domain::workplace::Workplace;
use reqwest::{Method, StatusCode, header::HeaderMap};
use schema::KeyId;
use serde_json::{Value, json};

use crate::town::Town;

/// A directory that provisions at one place.
struct Entra<'a> {
    town: &'a Town,
    at: Workplace,
    id: KeyId,
    key: String,
}

/// What was answered.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Answer {
    /// The body, of an answer with this status.
    fn body(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        assert!(self.headers["content-type"].to_str().unwrap().starts_with("application/scim+json"));
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// An answer that has no body.
    fn done(&self) {
        assert_eq!(self.status, 204, "{}", String::from_utf8_lossy(&self.bytes));
    }

    /// The kind and the words of a failure.
    fn error(&self, status: u16) -> (String, String) {
        let body = self.body(status);
        assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        assert_eq!(body["status"], status.to_string());
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        (text("scimType"), text("detail"))
    }
}

impl<'a> Entra<'a> {
    async fn at(town: &'a Town, at: Workplace) -> Self {
        let (id, key) = town.records.scim_key(at).await;
        Self { town, at, id, key }
    }

    /// At the school Ash.
    async fn at_ash(town: &'a Town) -> Self {
        Self::at(town, Workplace::School(town.records.school(100_001).await)).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.town.client.request(method, self.town.scim(path)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.header("Content-Type", "application/scim+json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, bytes: response.bytes().await.unwrap().to_vec() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    async fn patch(&self, path: &str, operations: Value) -> Answer {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        self.send(Method::PATCH, path, Some(json!({ "schemas": schemas, "Operations": operations }))).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Users or groups of whom a filter is so.
    async fn find(&self, path: &str, filter: &str) -> Answer {
        let query = reqwest::Url::parse_with_params("http://x", [("filter", filter)]).unwrap();
        self.get(&format!("{path}?{}", query.query().unwrap())).await
    }

    /// Makes a user; the id.
    async fn user(&self, name: &str) -> String {
        let made = self.post("/Users", user(name)).await.body(201);
        made["id"].as_str().unwrap().to_owned()
    }
}

/// A new user, as Entra ID sends it.
fn user(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": format!("{name}-at-entra"),
        "userName": format!("{name}@ash.example"),
        "active": true,
        "emails": [{ "primary": true, "type": "work", "value": format!("{name}@ash.example") }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": format!("{name} Quillfeather"), "familyName": "Quillfeather", "givenName": name },
        "roles": [],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Maths" },
    })
}
