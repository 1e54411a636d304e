//! Keys that the records name and the store lacks: it is older than they are, or the keys are lost.

use schema::DataKeyId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Vault, VaultError, holder::Holder};

/// Who says that keys are lost for good, and why: it stays in the store.
#[derive(Debug, Clone)]
pub struct GivenUp {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Vault {
    /// All of an owner's keys that were ever given up.
    pub async fn given_up(&self, owner: Uuid) -> Result<Vec<DataKeyId>, VaultError> {
        let store = self.store()?;
        let context = store.context;
        let given_up = store.in_turn(owner, move |connection| {
            Box::pin(async move {
                let given_up = sqlx::query_scalar!(
                    "SELECT key_id FROM keys.given_up WHERE context = $1 AND owner_id = $2",
                    context,
                    owner,
                );
                Ok(given_up.fetch_all(connection).await?)
            })
        });
        Ok(given_up.await?.into_iter().map(DataKeyId::from).collect())
    }

    /// Says of those of these keys, which the records name, that the store has never had that they are lost for good: from now on
    /// each is one that was destroyed, and nobody waits for a store that has it. How many they are.
    ///
    /// # Errors
    /// The store and the wrapping keys are not of one time, so that what the one lacks says nothing yet.
    pub async fn give_up(&self, owner: Uuid, named: &[DataKeyId], said: GivenUp) -> Result<u64, VaultError> {
        let store = self.store()?;
        let (of, named, wrapping) = (Holder { context: store.context, owner }, ids(named), store.wrapping.clone());
        store
            .in_turn(owner, move |connection| {
                Box::pin(async move {
                    of.lock(connection).await?;
                    let key = of.wrapping_key(connection, &wrapping).await?;
                    key.must_wrap_all(of.oldest_wrapped(connection).await?)?;
                    let lost = lacking(connection, of, &named).await?;
                    sqlx::query!(
                        "INSERT INTO keys.given_up (context, owner_id, key_id, given_up_by, reason)
                         SELECT $1, $2, k, $4, $5 FROM unnest($3::uuid[]) k",
                        of.context,
                        of.owner,
                        &lost,
                        said.by,
                        said.reason,
                    )
                    .execute(&mut *connection)
                    .await?;
                    let destroyed = sqlx::query!(
                        "INSERT INTO keys.data_key (context, owner_id, key_id, version, destroyed_at)
                         SELECT $1, $2, k, 1, clock_timestamp() FROM unnest($3::uuid[]) k",
                        of.context,
                        of.owner,
                        &lost,
                    );
                    Ok(destroyed.execute(connection).await?.rows_affected())
                })
            })
            .await
    }
}

/// That the store has, or had, each of these keys.
pub(crate) async fn must_have(connection: &mut PgConnection, of: Holder, named: &[Uuid]) -> Result<(), VaultError> {
    match lacking(connection, of, named).await? {
        lacking if lacking.is_empty() => Ok(()),
        lacking => Err(VaultError::Lacking(lacking.len())),
    }
}

async fn lacking(c: &mut PgConnection, of: Holder, named: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    let lacking = sqlx::query_scalar!(
        r#"SELECT DISTINCT n AS "key!" FROM unnest($3::uuid[]) n
           WHERE NOT EXISTS (SELECT FROM keys.data_key k WHERE k.context = $1 AND k.owner_id = $2 AND k.key_id = n)"#,
        of.context,
        of.owner,
        named,
    );
    lacking.fetch_all(c).await
}

pub(crate) fn ids(keys: &[DataKeyId]) -> Vec<Uuid> {
    keys.iter().copied().map(Uuid::from).collect()
}
