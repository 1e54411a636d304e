//! What the record says that a caller may read: the roles that the person who logs in holds today.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use quick_cache::sync::Cache;
use schema::people::{LoginName, StaffRole};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{Caller, Exchange, Scope, Scopes};

/// How long an answer of the view is trusted. With a projection's lag it must stay below 5 seconds: a leaver is out then.
const TRUSTED: Duration = Duration::from_secs(2);

/// How many callers are remembered.
const REMEMBERED: usize = 20_000;

/// How many scopes of one person are read; a token lists no more.
const MOST: i64 = 100;

/// Tells what callers may read; cheap to clone.
#[derive(Debug, Clone)]
pub struct Roles {
    pool: PgPool,
    exchange: Arc<Exchange>,
    known: Arc<Cache<LoginName, Remembered>>,
}

/// What was found, of which day, and when it was asked.
type Remembered = (Scopes, NaiveDate, Instant);

impl Roles {
    /// Over the view of roles; `pool` acts as a role that reads it (`Role::Gateway`).
    pub fn new(pool: PgPool, exchange: Arc<Exchange>) -> Self {
        Self { pool, exchange, known: Arc::new(Cache::new(REMEMBERED)) }
    }

    /// What the caller may read on a London day; `now` is the process's monotonic clock.
    pub async fn of(&self, caller: &Caller, today: NaiveDate, now: Instant) -> Result<Scopes, sqlx::Error> {
        let login = self.exchange.login(&caller.issuer, &caller.subject);
        if let Some((scopes, day, asked)) = self.known.get(&login)
            && day == today
            && now.saturating_duration_since(asked) < TRUSTED
        {
            return Ok(scopes);
        }
        let asked = login.clone();
        let scopes = database::transact(&self.pool, move |connection| {
            Box::pin(async move { held(connection, &asked, today).await })
        })
        .await?;
        self.known.insert(login, (scopes.clone(), today, now));
        Ok(scopes)
    }
}

/// Row-level security shows the roles of this login alone, and nothing else.
async fn held(connection: &mut PgConnection, login: &LoginName, today: NaiveDate) -> Result<Scopes, sqlx::Error> {
    sqlx::query!(
        "SELECT set_config('transaction_read_only', 'on', true) AS read_only, set_config('wardlog.login', $1, true) AS login",
        login.as_str(),
    )
    .fetch_one(&mut *connection)
    .await?;
    let place = Some(Uuid::nil());
    let reads = |role: &&StaffRole| scope(**role, place, None).or(scope(**role, None, place)).is_some();
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
        Ok(scope(role, row.school_id, row.trust_id))
    });
    Ok(rows.collect::<Result<Vec<_>, sqlx::Error>>()?.into_iter().flatten().collect())
}

/// What a role at a school or trust lets its holder read. The others see nothing here until a policy says what of a school
/// is theirs: a teacher is not to see all that a DSL sees.
fn scope(role: StaffRole, school: Option<Uuid>, trust: Option<Uuid>) -> Option<Scope> {
    match role {
        StaffRole::Dsl | StaffRole::DeputyDsl | StaffRole::Headteacher => school.map(|id| Scope::School(id.into())),
        StaffRole::ChairOfGovernors
        | StaffRole::OnlineSafetyGovernor
        | StaffRole::FilteringGovernor
        | StaffRole::Governor => school.map(|id| Scope::GovernedSchool(id.into())),
        StaffRole::MatSafeguardingLead => trust.map(|id| Scope::Trust(id.into())),
        StaffRole::SeniorLeader
        | StaffRole::OnlineSafetyLead
        | StaffRole::OnlineSafetyGroup
        | StaffRole::CurriculumLead
        | StaffRole::HeadOfDepartment
        | StaffRole::Teacher
        | StaffRole::SupportStaff
        | StaffRole::LineManager
        | StaffRole::IctManager
        | StaffRole::ItProvider
        | StaffRole::Dpo
        | StaffRole::AuthorisedSearcher
        | StaffRole::NominatedPerson => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a role gives at a school, and at a trust.
    #[test]
    fn a_role_gives_what_is_its_own_and_nothing_elsewhere() {
        let (school, trust) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (whole, governed) = (Scope::School(school.into()), Scope::GovernedSchool(school.into()));
        for &role in StaffRole::ALL {
            let expected = match role.as_str() {
                "dsl" | "deputy-dsl" | "headteacher" => (Some(whole), None),
                "chair-of-governors" | "online-safety-governor" | "filtering-governor" | "governor" => {
                    (Some(governed), None)
                }
                "mat-safeguarding-lead" => (None, Some(Scope::Trust(trust.into()))),
                _ => (None, None),
            };
            assert_eq!((scope(role, Some(school), None), scope(role, None, Some(trust))), expected, "{role}");
        }
    }
}
