//! The service's side: `POST /<service>/commands/<name>` on the internal listener.

use access::{Caller, Decision, Subject, Verifier, recusal};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::HeaderMap,
    web::{self, Bytes, Data, ServiceConfig},
};
use eventlog::{Cause, CommandError, Owner, Wake};
use schema::{CommandId, MatterId};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Command, Means, Refusal, Sent, carry_out,
    wire::{Answered, CORRELATION_ID, IDEMPOTENCY_KEY, REFUSED, Refused, path},
};
use crate::{ErrorCode, Problem, bearer, clock, problem::method_not_allowed, steps, trace_context};

/// The longest id that a sender may choose.
pub const LONGEST_ID: usize = 100;

/// What an endpoint works with.
#[derive(Debug, Clone)]
pub struct Service {
    /// Where the service keeps what it is told.
    pub means: Means,
    /// Believes the gateway's tokens for this service.
    pub verifier: Verifier,
    /// Wakes those who follow the domain log in this process.
    pub wake: Wake,
}

/// Mounts one command of `service`.
pub fn take<C: Command>(cfg: &mut ServiceConfig, service: &Data<Service>) {
    let resource = web::resource(path(C::SERVICE, C::NAME)).app_data(service.clone());
    cfg.service(resource.route(web::post().to(answer::<C>)).default_service(method_not_allowed("POST")));
}

async fn answer<C: Command>(
    request: HttpRequest,
    body: Bytes,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (now, asked) = (clock::now(), Instant::now());
    let caller = bearer::caller(request.headers(), &service.verifier, now).await?;
    let command: C = serde_json::from_slice(&body).map_err(|error| {
        let at = error.column();
        Problem::new(ErrorCode::BadRequest).detail(format!("expected the command {} as JSON, to column {at}", C::NAME))
    })?;
    let owner = command.owner();
    let sent = sent(request.headers(), &caller, owner)?;
    let mut facts = command.facts();
    let mut decision = access::decide(&caller, C::NAME, owner, &facts);
    // Who may not in any case is not told of a matter by the time that it takes to look for it.
    if let Some(matter) = command.matter().filter(|_| decision != Decision::Forbidden) {
        facts.recused = is_recused(&service.means, owner, matter, &caller).await?;
        decision = access::decide(&caller, C::NAME, owner, &facts);
        if facts.recused {
            // What there is to look at would tell whether there is one.
            steps::whole(asked, 1).await;
        }
    }
    match decision {
        Decision::Permitted => {}
        Decision::NeedsSecondFactor => return Err(refused(ErrorCode::Unprocessable, &Refused::needs_second_factor())),
        Decision::Forbidden => return Err(not_found()),
    }
    let done = carry_out(&service.means, owner, command, sent, now).await;
    service.wake.all();
    let done = done.map_err(problem)?;
    Ok(HttpResponse::Ok().json(Answered { answer: done.answer, position: done.position.map(Into::into) }))
}

/// Whether there is no such matter, or the caller is recused from it.
async fn is_recused(means: &Means, owner: Owner, matter: MatterId, caller: &Caller) -> Result<bool, Problem> {
    let may_know = recusal::may_know(&means.pool, owner, matter, caller.subject.clone());
    may_know.await.map(|may_know| !may_know).map_err(|error| {
        tracing::error!(%error, "who is recused cannot be read");
        Problem::new(ErrorCode::Unavailable).retry_after(1)
    })
}

/// What comes with a command, by the id that its sender chose.
fn sent(headers: &HeaderMap, caller: &Caller, owner: Owner) -> Result<Sent, Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bad = |detail| Problem::new(ErrorCode::BadRequest).detail(detail);
    let id = text(IDEMPOTENCY_KEY).filter(|id| id.len() <= LONGEST_ID).and_then(|id| id.parse::<CommandId>().ok());
    let id = id.ok_or_else(|| bad("expected an Idempotency-Key of 1 to 100 visible ASCII characters"))?;
    let correlation = text(CORRELATION_ID).and_then(|id| Uuid::try_parse(id).ok());
    let cause = Cause {
        command_id: senders_own(&caller.subject, &id),
        actor: caller.subject.as_str().to_owned(),
        correlation_id: correlation.unwrap_or_else(clock::ordered_id),
        causation_id: None,
        traceparent: trace_context::received(headers),
    };
    Ok(Sent { cause, roles: caller.roles.at(owner).collect(), random: rand::random() })
}

/// The id under which the log keeps a command. It can never be one that another sender, a reactor or an import makes, so nobody
/// is told that somebody else has used theirs; and what a sender writes into an id is not kept.
fn senders_own(sender: &Subject, id: &CommandId) -> CommandId {
    let mut hash = blake3::Hasher::new_derive_key("Wardlog 2026 ids of senders' commands");
    hash.update(sender.as_str().as_bytes()).update(&[0]).update(id.as_str().as_bytes());
    let mut own = [0; 16];
    hash.finalize_xof().fill(&mut own);
    uuid::Builder::from_custom_bytes(own).into_uuid().into()
}

fn problem<R: Refusal>(error: CommandError<R>) -> Problem {
    match error {
        CommandError::Refused(refusal) => match refusal.rule() {
            None => not_found(),
            Some(rule) => refused(
                ErrorCode::Unprocessable,
                &Refused {
                    reason: rule.reason.to_owned(),
                    field: rule.field.map(str::to_owned),
                    message: refusal.to_string(),
                },
            ),
        },
        CommandError::Unknown => not_found(),
        CommandError::CommandIdReused => refused(ErrorCode::Conflict, &Refused::command_id_reused()),
        CommandError::Contended => refused(ErrorCode::Conflict, &Refused::contended()),
        CommandError::Unreadable(error) => {
            tracing::error!(%error, "a record cannot be read");
            Problem::new(ErrorCode::Internal)
        }
        CommandError::Unprepared(error) => {
            tracing::error!(%error, "a command was not carried out, or not to its end");
            Problem::new(ErrorCode::Unavailable).retry_after(1)
        }
        CommandError::Database(error) => {
            tracing::error!(%error, "a command was not carried out, or its outcome is unknown");
            Problem::new(ErrorCode::Unavailable).retry_after(1)
        }
    }
}

/// It says that it is about the record: an address that nobody serves is answered without.
fn not_found() -> Problem {
    refused(ErrorCode::NotFound, &Refused::not_found())
}

fn refused(code: ErrorCode, why: &Refused) -> Problem {
    Problem::new(code).member(REFUSED, serde_json::to_value(why).unwrap_or_default())
}
