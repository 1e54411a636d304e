//! Groups: the roles of a school or trust.

use serde_json::{Value, json};

use super::Entra;
use crate::town::Town;
use directory::domain::workplace::Workplace;

fn members(op: &str, ids: &[&str]) -> Value {
    let value: Vec<_> = ids.iter().map(|id| json!({ "value": id })).collect();
    json!([{ "op": op, "path": "members", "value": value }])
}

async fn holders(entra: &Entra<'_>, role: &str) -> Vec<String> {
    let group = entra.get(&format!("/Groups/{role}")).await.body(200);
    let ids = group["members"].as_array().unwrap().iter().map(|member| member["value"].as_str().unwrap().to_owned());
    ids.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_a_role_and_no_other_is_made() {
    let town = Town::start().await;
    let entra = Entra::at_ash(&town).await;
    let all = entra.get("/Groups").await.body(200);
    assert_eq!(all["totalResults"], 20, "every role but the trust's lead");
    let query = "/Groups?excludedAttributes=members&filter=displayName+eq+%22DSL%22";
    let found = entra.get(query).await.body(200)["Resources"].clone();
    assert_eq!((&found[0]["id"], found[0].get("members")), (&json!("dsl"), None), "{found}");
    assert_eq!(entra.find("/Groups", r#"displayName eq "Maths""#).await.body(200)["totalResults"], 0);
    assert_eq!(entra.post("/Groups", json!({ "displayName": "dsl" })).await.error(409).0, "uniqueness");
    let (kind, detail) = entra.post("/Groups", json!({ "displayName": "Maths" })).await.error(400);
    assert!(kind == "invalidValue" && detail.contains("deputy-dsl") && !detail.contains("Maths"), "{detail}");
    entra.get("/Groups/mat-safeguarding-lead").await.error(404);

    let trust = Entra::at(&town, Workplace::Trust(town.records.trust("11").await)).await;
    let of_trust = trust.get("/Groups").await.body(200);
    let names: Vec<_> = of_trust["Resources"].as_array().unwrap().iter().map(|group| group["id"].clone()).collect();
    assert_eq!(json!(names), json!(["ict-manager", "it-provider", "dpo", "mat-safeguarding-lead"]));
}

/// R013.
#[tokio::test(flavor = "multi_thread")]
async fn members_hold_the_role_from_today_and_a_school_has_one_dsl() {
    let town = Town::start().await;
    let entra = Entra::at_ash(&town).await;
    let (ann, bo) = (entra.user("ann").await, entra.user("bo").await);
    entra.patch("/Groups/teacher", members("Add", &[&ann, &bo])).await.done();
    entra.patch("/Groups/teacher", members("Add", &[&ann])).await.done();
    let mut both = [ann.clone(), bo.clone()];
    both.sort();
    assert_eq!(holders(&entra, "teacher").await, both);
    entra.patch("/Groups/teacher", members("Remove", &[&ann])).await.done();
    assert_eq!(holders(&entra, "teacher").await, [bo.as_str()]);

    entra.patch("/Groups/dsl", members("Add", &[&ann])).await.done();
    let (kind, detail) = entra.patch("/Groups/dsl", members("Add", &[&bo])).await.error(409);
    assert!(kind == "uniqueness" && detail.contains("one alone can"), "{detail}");
    assert_eq!(holders(&entra, "dsl").await, [ann.as_str()], "nothing was done of what was refused");
    let swap = json!([{ "op": "Remove", "path": "members", "value": [{ "value": ann }] },
                      { "op": "Add", "path": "members", "value": [{ "value": bo }] }]);
    entra.patch("/Groups/dsl", swap).await.done();
    assert_eq!(holders(&entra, "dsl").await, [bo.as_str()]);

    // As Google sends it: whole.
    let put = json!({ "displayName": "dsl", "members": [{ "value": ann }] });
    assert_eq!(entra.put("/Groups/dsl", put).await.body(200)["members"][0]["value"], ann);
    assert_eq!(holders(&entra, "dsl").await, [ann.as_str()]);
    entra.delete("/Groups/dsl").await.done();
    assert_eq!(holders(&entra, "dsl").await, Vec::<String>::new());
    let renamed = json!([{ "op": "Replace", "path": "displayName", "value": "Maths" }]);
    assert_eq!(entra.patch("/Groups/dsl", renamed).await.error(400).0, "mutability");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_members_none_is_put_in_when_one_is_refused() {
    let town = Town::start().await;
    let entra = Entra::at_ash(&town).await;
    let elm = Entra::at(&town, Workplace::School(town.records.school(100_005).await)).await;
    let (ann, other) = (entra.user("ann").await, elm.user("ann").await);
    let absent = uuid::Uuid::from_u128(42).to_string();
    let refused = entra.patch("/Groups/teacher", members("Add", &[&ann, &other])).await;
    assert_eq!(refused.error(400), ("invalidValue".into(), "members: expected the ids of users".into()));
    let nobody = entra.patch("/Groups/teacher", members("Add", &[&ann, &absent])).await;
    let bo = entra.user("bo").await;
    entra.patch("/Groups/dsl", members("Add", &[&ann, &bo])).await.error(409);
    assert_eq!(holders(&entra, "dsl").await, Vec::<String>::new());
    assert_eq!(nobody.bytes, refused.bytes, "another school's user is told from nobody's by nothing");
    assert_eq!(holders(&entra, "teacher").await, Vec::<String>::new());
}
