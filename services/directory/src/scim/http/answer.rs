//! What is answered, and the part of it that was asked for.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::LOCATION},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::scim::error::{SCIM_JSON, ScimError};

/// How many resources a list has at most.
pub(super) const MOST: usize = 200;

/// What a request asks for beside its path.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
pub(super) struct Query {
    /// One comparison with a text, such as `userName eq "zq@ash.example"`.
    pub(super) filter: Option<String>,
    /// The first of all that are found, counted from 1.
    start_index: Option<i64>,
    /// How many; 200 at most.
    count: Option<i64>,
    /// The attributes that are wanted, by comma; `id` always is.
    attributes: Option<String>,
    /// The attributes that are not, by comma.
    excluded_attributes: Option<String>,
}

/// Changes, as a directory sends them.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the wire for the OpenAPI file; `patch` reads what directories write in their own way"
)]
pub(super) struct Patch {
    /// `urn:ietf:params:scim:api:messages:2.0:PatchOp`.
    schemas: Vec<String>,
    /// In their order.
    #[schema(max_items = 1000)]
    operations: Vec<Operation>,
}

/// One change.
#[derive(ToSchema)]
#[expect(dead_code, reason = "as above")]
pub(super) struct Operation {
    /// add, replace or remove, in any letter case.
    op: String,
    /// Such as `active` or `emails[type eq "work"].value`; without it the value is an object whose names are paths.
    path: Option<String>,
    /// The value.
    value: Value,
}

impl Query {
    /// The first one's number from 1, and how many: what is out of bounds is read as the nearest that is not.
    pub(super) fn page(&self) -> (usize, usize) {
        let start = usize::try_from(self.start_index.unwrap_or(1).max(1)).unwrap_or(usize::MAX);
        let count = self.count.map_or(MOST, |count| usize::try_from(count.max(0)).unwrap_or(MOST));
        (start, count.min(MOST))
    }

    /// The part of a resource that is wanted.
    fn of(&self, resource: &impl Serialize) -> Value {
        let mut resource = serde_json::to_value(resource).unwrap_or_default();
        let listed = |list: &Option<String>| {
            list.as_deref().map(|list| list.split(',').map(|name| name.trim().to_lowercase()).collect::<Vec<_>>())
        };
        // A part of an attribute is wanted with the whole.
        let names = |list: &[String], name: &str| {
            let name = name.to_lowercase();
            list.iter().any(|wanted| wanted.split('.').next() == Some(name.as_str()))
        };
        let (wanted, unwanted) = (listed(&self.attributes), listed(&self.excluded_attributes));
        if let Value::Object(attributes) = &mut resource {
            attributes.retain(|name, _| {
                let always = matches!(name.as_str(), "id" | "schemas");
                let is_wanted = wanted.as_ref().is_none_or(|wanted| names(wanted, name));
                let is_unwanted = unwanted.as_ref().is_some_and(|list| list.contains(&name.to_lowercase()));
                always || (is_wanted && !is_unwanted)
            });
        }
        resource
    }

    pub(super) fn one(&self, resource: &impl Serialize) -> HttpResponse {
        HttpResponse::Ok().content_type(SCIM_JSON).json(self.of(resource))
    }

    /// Some of `total`, the first of which is the `start`th.
    pub(super) fn list(&self, total: usize, start: usize, resources: &[impl Serialize]) -> HttpResponse {
        let resources: Vec<_> = resources.iter().map(|resource| self.of(resource)).collect();
        whole(&json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total,
            "startIndex": start,
            "itemsPerPage": resources.len(),
            "Resources": resources,
        }))
    }
}

/// The query of a request, which is never logged.
pub(super) fn query(request: &actix_web::HttpRequest) -> Result<Query, ScimError> {
    let query = actix_web::web::Query::<Query>::from_query(request.query_string());
    query.map(actix_web::web::Query::into_inner).map_err(|_| ScimError::value("startIndex, count", "expected numbers"))
}

pub(super) fn whole(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().content_type(SCIM_JSON).json(body)
}

pub(super) fn created(location: &str, body: &impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::CREATED);
    response.insert_header((LOCATION, location)).content_type(SCIM_JSON).json(body)
}

pub(super) fn done() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_answered_and_the_id_always() {
        let user = json!({ "id": "1", "schemas": [], "userName": "zq", "name": { "formatted": "Z" }, "members": [] });
        let query = |attributes: Option<&str>, excluded: Option<&str>| Query {
            attributes: attributes.map(str::to_owned),
            excluded_attributes: excluded.map(str::to_owned),
            ..Query::default()
        };
        let names = |query: Query| query.of(&user).as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(names(query(None, None)), "id schemas userName name members");
        assert_eq!(names(query(None, Some("Members, id"))), "id schemas userName name");
        assert_eq!(names(query(Some("username,name.formatted"), None)), "id schemas userName name");
    }

    #[test]
    fn a_page_begins_with_the_first_and_has_200_at_most() {
        let page = |start, count| Query { start_index: start, count, ..Query::default() }.page();
        assert_eq!(page(None, None), (1, 200));
        assert_eq!(page(Some(0), Some(-1)), (1, 0));
        assert_eq!(page(Some(3), Some(1_000)), (3, 200));
    }
}
