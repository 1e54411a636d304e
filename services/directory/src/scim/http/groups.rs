//! `/scim/v2/Groups`.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};

use super::{
    Scim, answer,
    answer::{Patch, Query},
    told,
};
use crate::scim::{
    error::{ErrorBody, ScimError},
    group::GroupResource,
};

/// Lists the roles that can be held there, or finds one by `displayName` or `id`.
#[utoipa::path(
    get, path = "/scim/v2/Groups",
    params(Query),
    responses(
        (status = 200, description = "Those that are found", body = Value, content_type = "application/scim+json"),
        (status = 400, description = "A field is missing or wrong; scimType and detail say which", body = ErrorBody, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn list(scim: Data<Scim>, request: HttpRequest) -> Result<HttpResponse, ScimError> {
    let caller = scim.caller(&request).await?;
    let query = answer::query(&request)?;
    let (start, count) = query.page();
    let groups = caller.groups(query.filter.as_deref()).await?;
    let some: Vec<_> = groups.iter().skip(start - 1).take(count).collect();
    Ok(query.list(groups.len(), start, &some))
}

/// Makes nothing: the group of every role is there, and there are no others.
#[utoipa::path(
    post, path = "/scim/v2/Groups",
    request_body(content = GroupResource, content_type = "application/scim+json"),
    responses(
        (status = 400, description = "A field is missing or wrong; scimType and detail say which", body = ErrorBody, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
        (status = 409, description = "The group of this role is there", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn create(
    scim: Data<Scim>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    let (caller, body) = told(&scim, &request, payload).await?;
    Err(caller.create_group(&body))
}

/// Shows a role, and the users who hold it today.
#[utoipa::path(
    get, path = "/scim/v2/Groups/{id}",
    params(("id" = String, Path, description = "The role's name"), Query),
    responses(
        (status = 200, description = "The group", body = GroupResource, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
        (status = 404, description = "There is none, or it is another's", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn one(scim: Data<Scim>, request: HttpRequest, id: Path<String>) -> Result<HttpResponse, ScimError> {
    let caller = scim.caller(&request).await?;
    let query = answer::query(&request)?;
    Ok(query.one(&caller.group(&id).await?))
}

/// Says who holds a role from today on.
#[utoipa::path(
    put, path = "/scim/v2/Groups/{id}",
    params(("id" = String, Path, description = "The role's name")),
    request_body(content = GroupResource, content_type = "application/scim+json"),
    responses(
        (status = 200, description = "The group", body = GroupResource, content_type = "application/scim+json"),
        (status = 400, description = "A field is missing or wrong; scimType and detail say which", body = ErrorBody, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
        (status = 404, description = "There is none, or it is another's", body = ErrorBody, content_type = "application/scim+json"),
        (status = 409, description = "Another person holds the role, and one alone can", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn replace(
    scim: Data<Scim>,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    let (caller, body) = told(&scim, &request, payload).await?;
    Ok(answer::whole(&caller.replace_group(&id, &body).await?))
}

/// Gives users a role from today on, or ends it.
#[utoipa::path(
    patch, path = "/scim/v2/Groups/{id}",
    params(("id" = String, Path, description = "The role's name")),
    request_body(content = Patch, content_type = "application/scim+json"),
    responses(
        (status = 204, description = "Changed"),
        (status = 400, description = "A field is missing or wrong; scimType and detail say which", body = ErrorBody, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
        (status = 404, description = "There is none, or it is another's", body = ErrorBody, content_type = "application/scim+json"),
        (status = 409, description = "Another person holds the role, and one alone can", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn change(
    scim: Data<Scim>,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    let (caller, body) = told(&scim, &request, payload).await?;
    caller.change_group(&id, body).await?;
    Ok(answer::done())
}

/// Ends the role of every user who holds it; the group stays, for it is the role.
#[utoipa::path(
    delete, path = "/scim/v2/Groups/{id}",
    params(("id" = String, Path, description = "The role's name")),
    responses(
        (status = 204, description = "Nobody is in it"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
        (status = 404, description = "There is none, or it is another's", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn empty(scim: Data<Scim>, request: HttpRequest, id: Path<String>) -> Result<HttpResponse, ScimError> {
    let caller = scim.caller(&request).await?;
    caller.empty_group(&id).await?;
    Ok(answer::done())
}
