//! The gateway's side: a caller's command, sent to the service that owns the record.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use access::{Caller, Exchange, IssuerName, Subject};
use eventlog::Position;
use reqwest::{StatusCode, Url};
use schema::{CommandId, people::LoginName};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Command,
    wire::{Answered, CORRELATION_ID, IDEMPOTENCY_KEY, REFUSED, Refused, path},
};
use crate::{clock, read_token::ReadTokens, trace_context};

/// A service that has not answered by then has not answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(4);

/// Sends commands; cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    exchange: Arc<Exchange>,
    tokens: ReadTokens,
    services: Arc<Services>,
}

/// Where the services are.
#[derive(Debug, Clone)]
pub struct Services {
    /// Where one listens that is not named: this process's own internal listener.
    pub default: Url,
    /// Those that listen elsewhere, by name.
    pub elsewhere: BTreeMap<&'static str, Url>,
}

/// What became of a command.
pub(super) enum Answer<A> {
    /// It was carried out; the token lets a query wait for it.
    Done { answer: A, token: Option<String> },
    /// It was refused.
    Refused(Refused),
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAnswer {
    /// The command did not reach a service that takes it.
    #[error("the command was not carried out: the service cannot be reached at the moment, send it again later")]
    NotCarriedOut,
    /// Nobody can say whether the command was carried out.
    #[error("the service did not answer: send the command again with the same id to learn what became of it")]
    OutcomeUnknown,
}

impl Client {
    /// Sends with tokens exchanged by `exchange`.
    pub fn new(exchange: Arc<Exchange>, tokens: ReadTokens, services: Services) -> Result<Self, reqwest::Error> {
        // Never by a proxy, whatever the machine's settings: these are our own network's. And the services close what
        // has been idle for 5 seconds.
        let http = reqwest::Client::builder().no_proxy().pool_idle_timeout(IDLE).timeout(PATIENCE);
        let http = http.redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { http, exchange, tokens, services: Arc::new(services) })
    }

    /// The services' own name for who logs in at an issuer as a subject: no service is told of either.
    pub fn login(&self, issuer: &IssuerName, subject: &Subject) -> LoginName {
        self.exchange.login(issuer, subject)
    }

    pub(super) async fn send<C: Command>(
        &self,
        caller: &Caller,
        id: &CommandId,
        correlation: Uuid,
        command: &C,
    ) -> Result<Answer<C::Answer>, NoAnswer> {
        let none = |why: NoAnswer, error: &dyn fmt::Display| {
            tracing::error!(service = C::SERVICE, command = C::NAME, ?why, %error, "no answer to a command");
            why
        };
        let lost = |error: &dyn fmt::Display| none(NoAnswer::OutcomeUnknown, error);
        let mut url = self.services.of(C::SERVICE).clone();
        url.set_path(&path(C::SERVICE, C::NAME));
        let token = self.exchange.exchange(caller, C::SERVICE, clock::now());
        let mut request = self.http.post(url).bearer_auth(token).json(command);
        request = request.header(IDEMPOTENCY_KEY, id.as_str()).header(CORRELATION_ID, correlation.to_string());
        if let Some(traceparent) = trace_context::current() {
            request = request.header(trace_context::TRACEPARENT, traceparent);
        }
        let response = request.send().await.map_err(|error| {
            let why = if error.is_connect() { NoAnswer::NotCarriedOut } else { NoAnswer::OutcomeUnknown };
            none(why, &error.without_url())
        })?;
        match response.status() {
            StatusCode::OK => {
                let Answered { answer, position } = response.json().await.map_err(|e| lost(&e.without_url()))?;
                Ok(Answer::Done { answer, token: position.map(|place| self.tokens.seal(Position::from(place))) })
            }
            status @ (StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT) => {
                let mut problem: Value = response.json().await.map_err(|error| lost(&error.without_url()))?;
                let why = serde_json::from_value(problem[REFUSED].take());
                why.map(Answer::Refused).map_err(|_| none(NoAnswer::NotCarriedOut, &status))
            }
            status if status.is_client_error() => Err(none(NoAnswer::NotCarriedOut, &status)),
            status => Err(lost(&status)),
        }
    }
}

impl Services {
    fn of(&self, service: &str) -> &Url {
        self.elsewhere.get(service).unwrap_or(&self.default)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("services", &self.services).finish_non_exhaustive()
    }
}
