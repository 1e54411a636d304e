//! Whose key opens it, for whom, and for how long.

use directory::domain::workplace::Workplace;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Entra, user};
use crate::town::Town;

/// What is not one's own and what does not exist have the same bytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_sees_and_changes_its_own_people_alone() {
    let town = Town::start().await;
    let entra = Entra::at_ash(&town).await;
    let id = entra.user("zoe").await;
    let (elm, north) = (town.records.school(100_005).await, town.records.trust("11").await);
    for at in [Workplace::School(elm), Workplace::Trust(north)] {
        let other = Entra::at(&town, at).await;
        for filter in [r#"userName eq "zoe@ash.example""#, &format!(r#"id eq "{id}""#)] {
            assert_eq!(other.find("/Users", filter).await.body(200)["totalResults"], 0);
        }
        assert_eq!(other.get("/Users").await.body(200)["totalResults"], 0);
        let absent = format!("/Users/{}", uuid::Uuid::from_u128(42));
        let off = json!({ "Operations": [{ "op": "Replace", "path": "active", "value": "False" }] });
        for (method, body) in
            [(Method::GET, None), (Method::PUT, Some(user("zoe"))), (Method::PATCH, Some(off)), (Method::DELETE, None)]
        {
            let theirs = other.send(method.clone(), &format!("/Users/{id}"), body.clone()).await;
            let nobodys = other.send(method, &absent, body).await;
            theirs.error(404);
            assert_eq!(theirs.bytes, nobodys.bytes);
        }
        other.user("zoe").await;
    }
    assert_eq!(entra.get(&format!("/Users/{id}")).await.body(200)["active"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_absent_wrong_of_a_filter_or_revoked_opens_nothing() {
    let town = Town::start().await;
    let mut entra = Entra::at_ash(&town).await;
    entra.get("/Users").await.body(200);
    let valid = entra.key.clone();
    let bare = town.client.get(town.scim("/Users")).send().await.unwrap();
    assert_eq!(
        (bare.status(), &bare.headers()["www-authenticate"]),
        (StatusCode::UNAUTHORIZED, &"Bearer".parse().unwrap())
    );
    for wrong in [town.records.filter(100_001).await, format!("wls_{}", "A".repeat(43)), town.staff_token("zoe").await]
    {
        entra.key = wrong;
        for path in ["/Users", "/Groups", "/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
            let refused = entra.get(path).await;
            assert_eq!(refused.headers["www-authenticate"], "Bearer");
            refused.error(401);
        }
        entra.post("/Users", user("zoe")).await.error(401);
    }
    entra.key = valid;
    town.records.revoke_scim_key(entra.at, entra.id).await;
    let closed = async {
        while entra.get("/Users").await.status != StatusCode::UNAUTHORIZED {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), closed).await.expect("refused within 5 s");
    entra.post("/Users", user("zoe")).await.error(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_says_what_it_can_and_what_a_request_lacks() {
    let town = Town::start().await;
    let entra = Entra::at_ash(&town).await;
    let can = entra.get("/ServiceProviderConfig").await.body(200);
    let supported =
        ["patch", "filter", "bulk", "sort", "etag", "changePassword"].map(|it| can[it]["supported"].clone());
    assert_eq!(json!(supported), json!([true, true, false, false, false, false]));
    assert_eq!(entra.get("/ResourceTypes").await.body(200)["totalResults"], 2);
    let schemas = entra.get("/Schemas").await.body(200);
    let kept: Vec<_> =
        schemas["Resources"][0]["attributes"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    let made = entra.post("/Users", user("zoe")).await.body(201);
    for name in kept {
        assert!(made.get(name.as_str().unwrap()).is_some(), "{name} is kept");
    }

    entra.get("/Nothing").await.error(404);
    let not_here = entra.delete("/Users").await;
    not_here.error(405);
    assert_eq!(not_here.headers["allow"], "GET, POST");
    let post = || town.client.post(town.scim("/Users")).bearer_auth(&entra.key);
    let xml = post().header("Content-Type", "text/xml").body("<user/>").send().await.unwrap();
    assert_eq!(xml.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let cut_short = post().header("Content-Type", "application/json; charset=utf-8").body("{").send().await.unwrap();
    assert_eq!(cut_short.status(), StatusCode::BAD_REQUEST);
    assert_eq!(cut_short.json::<Value>().await.unwrap()["scimType"], "invalidSyntax");
    let endless = post().json(&json!({ "userName": "x".repeat(1024 * 1024) })).send().await.unwrap();
    assert_eq!(endless.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
