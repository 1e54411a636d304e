//! The keys that the directory's records name: one for each person who is recorded and not forgotten.

use std::collections::BTreeMap;

use eventlog::{Owner, streams_with};
use schema::{DataKeyId, PersonId};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;
use web::left_over::Named;

/// See [`Named`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfPeople;

impl Named for OfPeople {
    async fn of(&self, pool: &PgPool, owner: Uuid) -> Result<Vec<DataKeyId>, sqlx::Error> {
        let mut connection = pool.acquire().await?;
        // Whether it is a school's or a trust's, the id says alone.
        let named = of_people(&mut connection, Some(Owner::School(owner.into()))).await?;
        Ok(named.into_values().flatten().collect())
    }
}

/// Those of all owners.
pub async fn named(connection: &mut PgConnection) -> Result<BTreeMap<Uuid, Vec<DataKeyId>>, sqlx::Error> {
    of_people(connection, None).await
}

async fn of_people(
    connection: &mut PgConnection,
    owner: Option<Owner>,
) -> Result<BTreeMap<Uuid, Vec<DataKeyId>>, sqlx::Error> {
    let mut named: BTreeMap<Uuid, Vec<DataKeyId>> = BTreeMap::new();
    for (owner, stream) in streams_with(connection, owner, ("person-recorded", "person-forgotten")).await? {
        let person = stream.strip_prefix("person-").and_then(|id| id.parse::<PersonId>().ok());
        named.entry(owner).or_default().extend(person.map(DataKeyId::from));
    }
    Ok(named)
}
