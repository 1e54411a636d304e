//! Recusal: whether somebody may know of a matter (R130).

use std::collections::BTreeMap;

use eventlog::{Owner, StreamError};
use schema::{
    MatterId,
    people::{LoginLinked, PersonEvent, person_stream},
    recusal::{MatterEvent, PersonRecused},
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::Subject;

/// How many people can be recused from one matter: all of them are looked at to decide whether somebody is.
pub const MOST: usize = 50;

/// A matter's stream, by its name: its owner is the school or trust whose matter it is.
pub fn matter_stream(matter: MatterId) -> String {
    format!("matter-{matter}")
}

/// Whether a school or trust has such a matter, somebody is known who ever logged in by this name, and nobody recused from the
/// matter did. Recusal is asked of the log and not of a view: whoever is recused is so at once, by whichever login, and whatever
/// role is given to them later. Whether anybody is known by the name, a view tells: until it does, nobody is. It tells too who
/// is recused because they were let in by somebody who is, or come back as another record of the same account.
pub async fn may_know(pool: &PgPool, owner: Owner, matter: MatterId, login: Subject) -> Result<bool, StreamError> {
    database::transact(pool, move |connection| {
        Box::pin(async move { is_free(connection, owner, matter, login.as_str()).await })
    })
    .await
}

/// The same within a transaction.
pub async fn is_free(c: &mut PgConnection, owner: Owner, matter: MatterId, login: &str) -> Result<bool, StreamError> {
    let events = eventlog::load::<MatterEvent>(&mut *c, owner, &matter_stream(matter)).await?;
    let mut recused: BTreeMap<Owner, Vec<String>> = BTreeMap::new();
    for stored in &events {
        let MatterEvent::PersonRecused(PersonRecused { person, school, trust }) = &stored.event;
        let of = school.map(Owner::School).or(trust.map(Owner::Trust)).unwrap_or(owner);
        recused.entry(of).or_default().push(person_stream(*person));
    }
    let mut is_free = is_known(&mut *c, owner, matter, login).await? && !recused.is_empty();
    for (of, streams) in recused {
        let records = eventlog::load_each::<PersonEvent>(&mut *c, of, &streams).await?;
        is_free &= !records.values().flatten().any(|event| links(event, login));
    }
    Ok(is_free)
}

/// Whether the view knows whose login it is, and not that they are recused.
async fn is_known(c: &mut PgConnection, owner: Owner, matter: MatterId, login: &str) -> Result<bool, sqlx::Error> {
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM published.known_login_v1 WHERE login = $3)
                  AND NOT published.is_recused($1, $2, $3) AS "known!""#,
        owner.id(),
        Uuid::from(matter),
        login,
    );
    known.fetch_one(c).await
}

fn links(event: &PersonEvent, name: &str) -> bool {
    matches!(event, PersonEvent::LoginLinked(LoginLinked { login }) if login.as_str() == name)
}
