//! What the door can do, in SCIM's own words (RFC 7643, sections 5 to 7).

use actix_web::{HttpRequest, HttpResponse, web::Data};
use schema::people::PersonCategory;
use serde_json::{Value, json};

use super::{
    Scim,
    answer::{self, MOST, Query},
};
use crate::scim::{
    error::{ErrorBody, ScimError},
    group::GROUP,
    user::USER,
};

/// What is supported, and what is not.
#[utoipa::path(
    get, path = "/scim/v2/ServiceProviderConfig",
    responses(
        (status = 200, description = "What is supported", body = Value, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn service_provider_config(scim: Data<Scim>, request: HttpRequest) -> Result<HttpResponse, ScimError> {
    let caller = scim.caller(&request).await?;
    let none = json!({ "supported": false });
    Ok(answer::whole(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": MOST },
        "changePassword": none,
        "sort": none,
        "etag": none,
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "SCIM key",
            "description": "A key of one school or trust (wls_…), as Authorization: Bearer",
            "primary": true,
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{}/ServiceProviderConfig", caller.base) },
    })))
}

/// Users and groups.
#[utoipa::path(
    get, path = "/scim/v2/ResourceTypes",
    responses(
        (status = 200, description = "The kinds of resources", body = Value, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn resource_types(scim: Data<Scim>, request: HttpRequest) -> Result<HttpResponse, ScimError> {
    let caller = scim.caller(&request).await?;
    let kind = |name: &str, path: &str, schema: &str, description: &str| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name,
            "name": name,
            "endpoint": path,
            "description": description,
            "schema": schema,
            "meta": { "resourceType": "ResourceType", "location": format!("{}/ResourceTypes/{name}", caller.base) },
        })
    };
    let kinds = [
        kind("User", "/Users", USER, "Somebody's account"),
        kind("Group", "/Groups", GROUP, "A role that can be held there, and the users who hold it today"),
    ];
    Ok(Query::default().list(kinds.len(), 1, &kinds))
}

/// Which attributes of theirs are kept; others are passed over.
#[utoipa::path(
    get, path = "/scim/v2/Schemas",
    responses(
        (status = 200, description = "The attributes", body = Value, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn schemas(scim: Data<Scim>, request: HttpRequest) -> Result<HttpResponse, ScimError> {
    let caller = scim.caller(&request).await?;
    let schema = |id: &str, name: &str, attributes: Vec<Value>| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": id,
            "name": name,
            "attributes": attributes,
            "meta": { "resourceType": "Schema", "location": format!("{}/Schemas/{id}", caller.base) },
        })
    };
    let schemas = [schema(USER, "User", of_users()), schema(GROUP, "Group", of_groups())];
    Ok(Query::default().list(schemas.len(), 1, &schemas))
}

fn of_users() -> Vec<Value> {
    let text = |name: &str| attribute(name, "string", &[]);
    let parts = vec![text("formatted"), text("givenName"), text("familyName")];
    let email = vec![text("value"), text("type"), attribute("primary", "boolean", &[])];
    vec![
        attribute("userName", "string", &[("required", json!(true)), ("uniqueness", json!("server"))]),
        attribute("externalId", "string", &[("caseExact", json!(true))]),
        attribute("displayName", "string", &[("required", json!(true))]),
        attribute("name", "complex", &[("subAttributes", json!(parts))]),
        attribute("emails", "complex", &[("multiValued", json!(true)), ("subAttributes", json!(email))]),
        attribute("userType", "string", &[("canonicalValues", json!(categories()))]),
        attribute("active", "boolean", &[]),
    ]
}

fn of_groups() -> Vec<Value> {
    let member = vec![
        attribute("value", "string", &[("mutability", json!("immutable"))]),
        attribute("$ref", "reference", &[("mutability", json!("readOnly")), ("referenceTypes", json!(["User"]))]),
    ];
    vec![
        attribute("displayName", "string", &[("required", json!(true)), ("mutability", json!("readOnly"))]),
        attribute("members", "complex", &[("multiValued", json!(true)), ("subAttributes", json!(member))]),
    ]
}

fn categories() -> Vec<&'static str> {
    PersonCategory::ALL.iter().map(|category| category.as_str()).collect()
}

/// An attribute, with what is usual unless it is said otherwise.
fn attribute(name: &str, kind: &str, but: &[(&str, Value)]) -> Value {
    let mut attribute = json!({
        "name": name,
        "type": kind,
        "multiValued": false,
        "required": false,
        "caseExact": false,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    });
    for (characteristic, value) in but {
        attribute[*characteristic] = value.clone();
    }
    attribute
}
