//! `directory.person`, `person_login`, `appointment` and `dsl_gap`: who works where, in which roles. Who they are is not here;
//! who read that, [`super::readings`] has, and who is recused from what, [`super::recusals`].

use chrono::NaiveDate;
use eventlog::{At, DomainLog, EventRecord, Offset, Projection, ProjectionError};
use schema::{
    DataKeyId, PersonId, SchoolId,
    people::{
        Appointed, AppointmentEnded, DslGap, ForgettingGround, ForgettingProposed, HoldPlaced, HoldReason, LoginLinked,
        LoginUnlinked, PersonAmended, PersonCategory, PersonEvent, PersonLeft, PersonRecorded, ReadingEvent, StaffRole,
        StaffingEvent,
    },
    recusal::MatterEvent,
};
use sqlx::{PgConnection, postgres::PgQueryResult};
use uuid::Uuid;

use super::{readings, recusals, unreadable};
use crate::domain::workplace::Workplace;

/// Folds people, their roles and readings into their tables; other events pass by.
#[derive(Debug, Clone, Copy, Default)]
pub struct PeopleView;

impl Projection for PeopleView {
    type Log = DomainLog;
    const NAME: &'static str = "people";
    const TAKES: i64 = 500;

    async fn apply(
        &self,
        connection: &mut PgConnection,
        records: Vec<(Offset, EventRecord)>,
    ) -> Result<(), ProjectionError> {
        for (offset, record) in records {
            let at = At { offset, record: &record };
            if let Some(event) = at.event::<PersonEvent>()? {
                person(connection, at, event).await?;
            } else if let Some(event) = at.event::<StaffingEvent>()? {
                staffing(connection, at, event).await?;
            } else if let Some(ReadingEvent::IdentitiesRead(read)) = at.event::<ReadingEvent>()? {
                readings::apply(connection, at, read).await?;
            } else if let Some(MatterEvent::PersonRecused(recused)) = at.event::<MatterEvent>()? {
                recusals::apply(connection, at, recused.person.into()).await?;
            }
        }
        Ok(())
    }
}

async fn person(c: &mut PgConnection, at: At<'_>, event: PersonEvent) -> Result<(), ProjectionError> {
    let person = at.id_in_stream("person-")?;
    let (school, trust) = at.owner();
    let written = match event {
        PersonEvent::Recorded(PersonRecorded { category, .. }) => {
            sqlx::query!(
                "INSERT INTO person (person_id, school_id, trust_id, category) VALUES ($1, $2, $3, $4)",
                person,
                school,
                trust,
                category.as_str(),
            )
            .execute(c)
            .await?
        }
        PersonEvent::Amended(PersonAmended { category, .. }) => {
            sqlx::query!("UPDATE person SET category = $2 WHERE person_id = $1", person, category.as_str())
                .execute(c)
                .await?
        }
        // How a directory knows the person is read from the stream, as who they are.
        PersonEvent::Provisioned(provisioned) => return Ok(recusals::account(c, person, provisioned.account).await?),
        PersonEvent::Deprovisioned(_) => return Ok(()),
        PersonEvent::LoginLinked(LoginLinked { login }) => {
            recusals::link(&mut *c, at, person, login.as_str()).await?;
            sqlx::query!(
                "INSERT INTO person_login (person_id, login, school_id, trust_id) VALUES ($1, $2, $3, $4)",
                person,
                login.as_str(),
                school,
                trust,
            )
            .execute(c)
            .await?
        }
        PersonEvent::LoginUnlinked(LoginUnlinked { login }) => {
            recusals::unlink(&mut *c, at, person, login.as_str()).await?;
            sqlx::query!("DELETE FROM person_login WHERE person_id = $1 AND login = $2", person, login.as_str())
                .execute(c)
                .await?
        }
        PersonEvent::Left(PersonLeft { on }) => {
            sqlx::query!("UPDATE person SET left_on = $2 WHERE person_id = $1", person, on).execute(c).await?
        }
        PersonEvent::HoldPlaced(HoldPlaced { reason }) => {
            proposal(&mut *c, person, None).await?;
            hold(c, person, Some(reason)).await?
        }
        PersonEvent::HoldLifted(_) => hold(c, person, None).await?,
        PersonEvent::ForgettingProposed(proposed) => proposal(c, person, Some(proposed)).await?,
        PersonEvent::ForgettingWithdrawn(_) => proposal(c, person, None).await?,
        PersonEvent::Forgotten(_) => {
            sqlx::query!("DELETE FROM person_login WHERE person_id = $1", person).execute(&mut *c).await?;
            sqlx::query!(
                "UPDATE person SET forgotten = true, ground = NULL, proposer = NULL WHERE person_id = $1",
                person
            )
            .execute(c)
            .await?
        }
    };
    at.one_row(&written)
}

async fn hold(c: &mut PgConnection, person: Uuid, reason: Option<HoldReason>) -> Result<PgQueryResult, sqlx::Error> {
    let reason = reason.map(HoldReason::as_str);
    sqlx::query!("UPDATE person SET hold = $2 WHERE person_id = $1", person, reason).execute(c).await
}

async fn proposal(
    c: &mut PgConnection,
    person: Uuid,
    proposed: Option<ForgettingProposed>,
) -> Result<PgQueryResult, sqlx::Error> {
    let (ground, by) = proposed.map(|proposed| (proposed.ground.as_str(), proposed.by)).unzip();
    sqlx::query!("UPDATE person SET ground = $2, proposer = $3 WHERE person_id = $1", person, ground, by)
        .execute(c)
        .await
}

async fn staffing(c: &mut PgConnection, at: At<'_>, event: StaffingEvent) -> Result<(), ProjectionError> {
    let (school, trust) = at.owner();
    let written = match event {
        StaffingEvent::Appointed(Appointed { appointment, person, role, from, to }) => {
            sqlx::query!(
                "INSERT INTO appointment (appointment_id, school_id, trust_id, person_id, role, from_day, to_day)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                Uuid::from(appointment),
                school,
                trust,
                Uuid::from(person),
                role.as_str(),
                from,
                to,
            )
            .execute(c)
            .await?
        }
        StaffingEvent::Ended(AppointmentEnded { appointment, to }) => {
            sqlx::query!("UPDATE appointment SET to_day = $2 WHERE appointment_id = $1", Uuid::from(appointment), to)
                .execute(c)
                .await?
        }
        StaffingEvent::DslGapFound(DslGap { from, to }) => {
            sqlx::query!("INSERT INTO dsl_gap (school_id, from_day, to_day) VALUES ($1, $2, $3)", school, from, to)
                .execute(c)
                .await?
        }
        StaffingEvent::DslGapClosed(DslGap { from, .. }) => {
            sqlx::query!("DELETE FROM dsl_gap WHERE school_id = $1 AND from_day = $2", school, from).execute(c).await?
        }
        StaffingEvent::SubstitutesNamed(named) => recusals::substitutes(c, at, named).await?,
    };
    at.one_row(&written)
}

/// Somebody of a school's or trust's people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person.
    pub person: PersonId,
    /// What the person is there.
    pub category: PersonCategory,
    /// The first day on which the person is no longer there.
    pub left_on: Option<NaiveDate>,
    /// Our own names for how the person logs in.
    pub logins: Vec<String>,
    /// Why the person must not be forgotten, if so.
    pub hold: Option<HoldReason>,
    /// Why it is proposed to forget the person, and who said so.
    pub proposed: Option<ForgettingProposed>,
    /// Whether the person is forgotten.
    pub forgotten: bool,
}

/// A role that somebody holds, held or will hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The role as the person holds it.
    pub appointment_id: Uuid,
    /// The person.
    pub person: PersonId,
    /// The role.
    pub role: StaffRole,
    /// The first day.
    pub from: NaiveDate,
    /// The first day on which it is no longer held.
    pub to: Option<NaiveDate>,
}

/// Everybody who is recorded there, whether or not they have left.
pub async fn of(connection: &mut PgConnection, at: Workplace) -> Result<Vec<Person>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT p.person_id AS "person_id!", p.category AS "category!", p.left_on, p.hold, p.ground, p.proposer,
                  p.forgotten AS "forgotten!",
                  ARRAY(SELECT l.login FROM published.person_login_v1 l WHERE l.person_id = p.person_id ORDER BY l.login)
                      AS "logins!"
           FROM published.person_v1 p WHERE p.school_id = $1 OR p.trust_id = $1 ORDER BY p.person_id"#,
        at.owner().id(),
    );
    let rows = rows.fetch_all(connection).await?.into_iter().map(|row| {
        let (person, left_on, logins, forgotten) = (row.person_id.into(), row.left_on, row.logins, row.forgotten);
        let category = row.category.parse().map_err(unreadable)?;
        let hold = row.hold.map(|reason| reason.parse().map_err(unreadable)).transpose()?;
        let ground: Option<ForgettingGround> =
            row.ground.map(|ground| ground.parse().map_err(unreadable)).transpose()?;
        let proposed = ground.zip(row.proposer).map(|(ground, by)| ForgettingProposed { ground, by });
        Ok(Person { person, category, left_on, logins, hold, proposed, forgotten })
    });
    rows.collect()
}

/// Everybody who is forgotten, by the owner of their record; the ids are those of their keys.
pub async fn forgotten(connection: &mut PgConnection) -> Result<Vec<(Uuid, Vec<DataKeyId>)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT coalesce(school_id, trust_id) AS "owner!", array_agg(person_id) AS "people!"
           FROM person WHERE forgotten GROUP BY 1"#
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.owner, row.people.into_iter().map(DataKeyId::from).collect())).collect())
}

/// Every role ever held there, the oldest first.
pub async fn roles(connection: &mut PgConnection, at: Workplace) -> Result<Vec<Role>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT appointment_id AS "appointment_id!", person_id AS "person_id!", role AS "role!", from_day AS "from_day!",
                  to_day
           FROM published.appointment_v1 WHERE school_id = $1 OR trust_id = $1 ORDER BY from_day, appointment_id"#,
        at.owner().id(),
    );
    let rows = rows.fetch_all(connection).await?.into_iter().map(|row| {
        let (appointment_id, person) = (row.appointment_id, row.person_id.into());
        let role = row.role.parse().map_err(unreadable)?;
        Ok(Role { appointment_id, person, role, from: row.from_day, to: row.to_day })
    });
    rows.collect()
}

/// The days on which a school has no DSL, past and to come, the earliest first.
pub async fn dsl_gaps(connection: &mut PgConnection, school: SchoolId) -> Result<Vec<DslGap>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT from_day AS "from_day!", to_day FROM published.dsl_gap_v1 WHERE school_id = $1 ORDER BY from_day"#,
        Uuid::from(school),
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| DslGap { from: row.from_day, to: row.to_day }).collect())
}
