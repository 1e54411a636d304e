//! Keys that the records name and the store lacks: it is older than they are, or the keys are lost.

use database::transact;
use schema::DataKeyId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{Vault, VaultError, holder::Holder};

impl Vault {
    /// Says of those of these keys that the store lacks that they are lost for good: nobody waits for them any more. How many
    /// they are.
    pub async fn give_up(
        context: &'static str,
        pool: &PgPool,
        owner: Uuid,
        named: &[DataKeyId],
    ) -> Result<usize, VaultError> {
        let (of, named) = (Holder { context, owner }, ids(named));
        transact(pool, move |connection| {
            Box::pin(async move {
                of.lock(connection).await?;
                let lost = lacking(connection, of, &named).await?;
                sqlx::query!(
                    "INSERT INTO keys.given_up (context, owner_id, key_id) SELECT $1, $2, k FROM unnest($3::uuid[]) k",
                    of.context,
                    of.owner,
                    &lost,
                )
                .execute(connection)
                .await?;
                Ok(lost.len())
            })
        })
        .await
    }
}

/// Those of these keys that the store has never had, and of which nobody said that they are lost for good.
pub(crate) async fn lacking(c: &mut PgConnection, of: Holder, named: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    let lacking = sqlx::query_scalar!(
        r#"SELECT DISTINCT n AS "key!" FROM unnest($3::uuid[]) n
           WHERE NOT EXISTS (SELECT FROM keys.data_key k WHERE k.context = $1 AND k.owner_id = $2 AND k.key_id = n)
             AND NOT EXISTS (SELECT FROM keys.given_up k WHERE k.context = $1 AND k.owner_id = $2 AND k.key_id = n)"#,
        of.context,
        of.owner,
        named,
    );
    lacking.fetch_all(c).await
}

pub(crate) fn ids(keys: &[DataKeyId]) -> Vec<Uuid> {
    keys.iter().copied().map(Uuid::from).collect()
}
