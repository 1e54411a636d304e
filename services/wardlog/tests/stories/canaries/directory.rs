//! Who somebody is as a school's directory says it, and as a file says it that an operator imports.

use std::fs;

use directory::domain::workplace::Workplace;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::ConnectOptions;

use super::{everywhere::Kept, tenant::Tenant};
use crate::{
    operator::wardlog,
    places::At,
    town::{Town, temporary},
};

/// Makes somebody by SCIM, asks for them and changes them, in every way and in some that are refused. The directory's own is
/// answered who it is.
pub async fn provisions(town: &Town, tenant: &mut Tenant) {
    let at = match tenant.at {
        At::School(school) => Workplace::School(school),
        At::Trust(trust) => Workplace::Trust(trust),
    };
    let (_, key) = town.records.scim_key(at).await;
    let made = tenant.made.clone();
    let mut send = async |method: Method, path: &str, body: Option<Value>| {
        let request = town.client.request(method, town.scim(path)).bearer_auth(&key).header("User-Agent", &made);
        let request = request.header("Content-Type", "application/scim+json");
        let answer = request.body(body.map_or_else(String::new, |body| body.to_string())).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(!status.is_server_error(), "{path}: {text}");
        tenant.answers.push(Kept::of(path, text.clone()));
        serde_json::from_str::<Value>(&text).unwrap_or_default()
    };
    let user = json!({
        "userName": format!("{made}@canary.example"), "externalId": made, "active": true, "displayName": made,
        "name": { "formatted": made, "givenName": made, "familyName": made }, "nickName": made, "title": made,
        "emails": [{ "value": format!("{made}@canary.example"), "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": made }], "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "employeeNumber": made },
    });
    let id = send(Method::POST, "/Users", Some(user.clone())).await["id"].as_str().unwrap().to_owned();
    let own = format!("/Users/{id}");
    let operation =
        |op: &str, path: &str, value: Value| json!({ "Operations": [{ "op": op, "path": path, "value": value }] });
    let filter = |filter: String| format!("?filter={}", filter.replace(' ', "%20").replace('"', "%22"));
    let refused = json!({ "userName": made, made.clone(): made, "active": made });
    let asked = [
        (Method::POST, "/Users".to_owned(), Some(user.clone())),
        (Method::GET, own.clone(), None),
        (Method::GET, format!("/Users{}", filter(format!("userName eq \"{made}@canary.example\""))), None),
        (Method::GET, format!("/Users{}", filter(format!("externalId eq \"{made}\""))), None),
        (Method::GET, format!("/Users{}", filter(format!("{made} eq \"{made}"))), None),
        (Method::GET, format!("/Groups{}", filter(format!("displayName eq \"{made}\""))), None),
        (Method::PUT, own.clone(), Some(user)),
        (Method::PATCH, own.clone(), Some(operation("replace", "name.formatted", json!(format!("{made} the second"))))),
        (
            Method::PATCH,
            own.clone(),
            Some(operation("replace", "userName", json!(format!("{made}.two@canary.example")))),
        ),
        (Method::GET, own.clone(), None),
        (Method::PATCH, own.clone(), Some(operation(&made, &made, json!(made)))),
        (Method::PATCH, own.clone(), Some(operation("replace", "active", json!(made)))),
        (Method::PATCH, own, Some(operation("replace", "active", json!(false)))),
        (Method::POST, "/Users".to_owned(), Some(refused)),
        (Method::POST, "/Groups".to_owned(), Some(json!({ "displayName": made, "members": [{ "value": made }] }))),
        (Method::GET, format!("/Users/{made}"), None),
        (Method::GET, format!("/{made}"), None),
    ];
    for (method, path, body) in asked {
        send(method, &path, body).await;
    }
    assert!(tenant.answers.iter().rev().take(20).any(|answer| answer.has(&format!("{made} the second"))));
}

/// A file of several people, of whom some rows cannot be read; what the operator is shown.
pub fn imports(town: &Town, tenant: &Tenant, of: [&str; 2]) -> Kept {
    let [first, second, wrong] = &tenant.imported;
    let (home, file) = (town.home_of("directory"), temporary("staff.csv"));
    let rows = [
        format!("{first},{first}@canary.example,employee,dpo,2026-09-01"),
        format!("{second},{second}@canary.example,governor,,"),
        format!("{wrong},{wrong},{wrong},{wrong},{wrong}"),
        format!("\"{wrong}"),
    ];
    fs::write(&file, format!("name,email,category,role,from\n{}\n", rows.join("\n"))).unwrap();
    let (file_name, home) = (file.to_str().unwrap(), home.to_str().unwrap());
    let key_store = town.records.database.to_url_lossy();
    let arguments =
        ["import", "people", file_name, "--home", home, "--vault-database-url", key_store.as_str(), of[0], of[1]];
    let output = wardlog(town, &arguments);
    fs::remove_file(&file).unwrap();
    let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(shown.contains("2 people recorded") && shown.contains("row"), "{shown}");
    Kept::of("the operator's terminal", shown)
}
