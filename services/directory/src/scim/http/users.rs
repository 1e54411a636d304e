//! `/scim/v2/Users`.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use schema::AccountId;

use super::{
    Scim, answer,
    answer::{Patch, Query},
    told,
};
use crate::scim::{
    error::{ErrorBody, ScimError},
    user::UserResource,
};

/// Lists users, or finds one by `userName`, `externalId` or `id`; that it was read who they are is recorded.
#[utoipa::path(
    get, path = "/scim/v2/Users",
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
    let page = caller.users(query.filter.as_deref(), start, count).await?;
    Ok(query.list(page.of, start, &page.users))
}

/// Lets somebody be known, or takes over who is known by the address.
#[utoipa::path(
    post, path = "/scim/v2/Users",
    request_body(content = UserResource, content_type = "application/scim+json"),
    responses(
        (status = 201, description = "The user", body = UserResource, content_type = "application/scim+json"),
        (status = 400, description = "A field is missing or wrong; scimType and detail say which", body = ErrorBody, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
        (status = 409, description = "Another user has this userName", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn create(
    scim: Data<Scim>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    let (caller, body) = told(&scim, &request, payload).await?;
    let user = caller.create_user(body).await?;
    Ok(answer::created(user.location(), &user))
}

/// Shows a user; that it was read who it is, is recorded.
#[utoipa::path(
    get, path = "/scim/v2/Users/{id}",
    params(("id" = String, Path, description = "The user's id"), Query),
    responses(
        (status = 200, description = "The user", body = UserResource, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
        (status = 404, description = "There is none, or it is another's", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn one(scim: Data<Scim>, request: HttpRequest, id: Path<String>) -> Result<HttpResponse, ScimError> {
    let caller = scim.caller(&request).await?;
    let query = answer::query(&request)?;
    Ok(query.one(&caller.user(account(&id)?).await?))
}

/// Says of a user what is so from now on, whole.
#[utoipa::path(
    put, path = "/scim/v2/Users/{id}",
    params(("id" = String, Path, description = "The user's id")),
    request_body(content = UserResource, content_type = "application/scim+json"),
    responses(
        (status = 200, description = "The user", body = UserResource, content_type = "application/scim+json"),
        (status = 400, description = "A field is missing or wrong; scimType and detail say which", body = ErrorBody, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
        (status = 404, description = "There is none, or it is another's", body = ErrorBody, content_type = "application/scim+json"),
        (status = 409, description = "Another user has this userName", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn replace(
    scim: Data<Scim>,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    let (caller, body) = told(&scim, &request, payload).await?;
    Ok(answer::whole(&caller.replace_user(account(&id)?, body).await?))
}

/// Changes some of what is so of a user. `active` false says that the person leaves today, true that they are back.
#[utoipa::path(
    patch, path = "/scim/v2/Users/{id}",
    params(("id" = String, Path, description = "The user's id")),
    request_body(content = Patch, content_type = "application/scim+json"),
    responses(
        (status = 204, description = "Changed"),
        (status = 400, description = "A field is missing or wrong; scimType and detail say which", body = ErrorBody, content_type = "application/scim+json"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
        (status = 404, description = "There is none, or it is another's", body = ErrorBody, content_type = "application/scim+json"),
        (status = 409, description = "Another user has this userName, or the person holds a role elsewhere that one alone can hold", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn change(
    scim: Data<Scim>,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    let (caller, body) = told(&scim, &request, payload).await?;
    caller.change_user(account(&id)?, body).await?;
    Ok(answer::done())
}

/// The person leaves today, and the user is no more.
#[utoipa::path(
    delete, path = "/scim/v2/Users/{id}",
    params(("id" = String, Path, description = "The user's id")),
    responses(
        (status = 204, description = "Gone"),
        (status = 401, description = "No valid SCIM key", body = ErrorBody, content_type = "application/scim+json"),
        (status = 404, description = "There is none, or it is another's", body = ErrorBody, content_type = "application/scim+json"),
        (status = 409, description = "The person holds a role elsewhere that one alone can hold", body = ErrorBody, content_type = "application/scim+json"),
    )
)]
pub(super) async fn delete(
    scim: Data<Scim>,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, ScimError> {
    let caller = scim.caller(&request).await?;
    caller.delete_user(account(&id)?).await?;
    Ok(answer::done())
}

/// What is no id is no user's.
fn account(id: &str) -> Result<AccountId, ScimError> {
    id.parse().map_err(|_| ScimError::not_found())
}
