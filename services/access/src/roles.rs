//! What the record says of a caller: the roles that the person who logs in holds today.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use eventlog::Owner;
use quick_cache::sync::Cache;
use schema::people::{LoginName, StaffRole};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{Caller, Exchange, HeldRole, HeldRoles};

/// How long an answer of the view is trusted. With a projection's lag it must stay below 5 seconds: a leaver is out then.
const TRUSTED: Duration = Duration::from_secs(2);

/// How many callers are remembered.
const REMEMBERED: usize = 20_000;

/// How many roles of one person are read; a token lists no more.
const MOST: i64 = 80;

/// Tells which roles callers hold; cheap to clone.
#[derive(Debug, Clone)]
pub struct Roles {
    pool: PgPool,
    exchange: Arc<Exchange>,
    known: Arc<Cache<LoginName, Remembered>>,
}

/// What was found, of which day, and when it was asked.
type Remembered = (HeldRoles, NaiveDate, Instant);

impl Roles {
    /// Over the view of roles; `pool` acts as a role that reads it (`Role::Gateway`).
    pub fn new(pool: PgPool, exchange: Arc<Exchange>) -> Self {
        Self { pool, exchange, known: Arc::new(Cache::new(REMEMBERED)) }
    }

    /// The roles that the caller holds on a London day, of those that let anything be read; `now` is the process's
    /// monotonic clock.
    pub async fn of(&self, caller: &Caller, today: NaiveDate, now: Instant) -> Result<HeldRoles, sqlx::Error> {
        let login = self.exchange.login(&caller.issuer, &caller.subject);
        if let Some((roles, day, asked)) = self.known.get(&login)
            && day == today
            && now.saturating_duration_since(asked) < TRUSTED
        {
            return Ok(roles);
        }
        let asked = login.clone();
        // Row-level security shows the roles of this login alone, and nothing else.
        let roles = database::read_with(&self.pool, &[("wardlog.login", login.as_str())], move |connection| {
            Box::pin(async move { held(connection, &asked, today).await })
        })
        .await?;
        self.known.insert(login, (roles.clone(), today, now));
        Ok(roles)
    }
}

async fn held(connection: &mut PgConnection, login: &LoginName, today: NaiveDate) -> Result<HeldRoles, sqlx::Error> {
    let places = [Owner::School(Uuid::nil().into()), Owner::Trust(Uuid::nil().into())];
    let reads = |&&role: &&StaffRole| places.iter().any(|&at| HeldRole { role, at }.scope().is_some());
    let reading: Vec<String> = StaffRole::ALL.iter().filter(reads).map(|role| role.as_str().to_owned()).collect();
    let rows = sqlx::query!(
        r#"SELECT DISTINCT role AS "role!", school_id, trust_id FROM published.held_role_v1
           WHERE login = $1 AND from_day <= $2 AND (to_day IS NULL OR $2 < to_day) AND role = ANY ($3) LIMIT $4"#,
        login.as_str(),
        today,
        &reading,
        MOST,
    );
    let rows = rows.fetch_all(connection).await?.into_iter().map(|row| {
        let role: StaffRole = row.role.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let school = row.school_id.map(|id| Owner::School(id.into()));
        Ok(school.or(row.trust_id.map(|id| Owner::Trust(id.into()))).map(|at| HeldRole { role, at }))
    });
    rows.filter_map(Result::transpose).collect()
}
