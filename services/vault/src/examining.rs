//! Whether a key store and its wrapping keys are of one time, for whoever has just restored one of them. Nothing is written.

use std::collections::BTreeSet;

use database::transact;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{Vault, VaultError, holder::Holder, wrapping::Wrapping};

/// What is found of a context's keys.
#[derive(Debug)]
pub struct Examined {
    /// How many schools and trusts have keys.
    pub owners: usize,
    /// Those of whose keys the store is older than what wraps them, or the other way round.
    pub outdated: Vec<(Uuid, VaultError)>,
}

impl Vault {
    /// Asks of every owner that is known to the store or, in a file, to the wrapping keys; of an engine none tells who has keys.
    pub async fn examine(
        context: &'static str,
        pool: &PgPool,
        wrapping: impl Into<Wrapping>,
    ) -> Result<Examined, VaultError> {
        let wrapping = wrapping.into();
        let known = transact(pool, move |connection| Box::pin(async move { known(connection, context).await })).await?;
        let mut owners: BTreeSet<Uuid> = wrapping.owners(context).await?.into_iter().collect();
        let Some(known) = known else {
            // The store is from before the first key, if there is any.
            let outdated = owners.iter().map(|&owner| (owner, VaultError::OlderStore)).collect();
            return Ok(Examined { owners: owners.len(), outdated });
        };
        owners.extend(known);
        let mut outdated = Vec::new();
        for &owner in &owners {
            let (of, wrapping) = (Holder { context, owner }, wrapping.clone());
            let examined = transact(pool, move |connection| {
                Box::pin(async move {
                    of.lock_shared(connection).await?;
                    let versions = of.wrapping_key(connection, &wrapping).await?.versions;
                    // A dump from between a version's announcement and its use has heard of it, and nothing opens its rows.
                    let oldest = oldest_wrapped(connection, of).await?;
                    let is_older = versions.zip(oldest).is_some_and(|(versions, oldest)| oldest < versions.oldest);
                    if is_older { Err(VaultError::OlderStore) } else { Ok(()) }
                })
            });
            match examined.await {
                Ok(()) => {}
                Err(error @ (VaultError::OlderStore | VaultError::OlderWrapping)) => outdated.push((owner, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(Examined { owners: owners.len(), outdated })
    }
}

/// The owners that the store knows; none where it was never used.
async fn known(connection: &mut PgConnection, context: &str) -> Result<Option<Vec<Uuid>>, sqlx::Error> {
    let known = sqlx::query_scalar!(
        r#"SELECT array_agg(k.owner_id) FILTER (WHERE k.owner_id IS NOT NULL)
           FROM keys.wrapping w LEFT JOIN keys.wrapping_key k ON k.context = w.context
           WHERE w.context = $1 GROUP BY w.context"#,
        context,
    );
    Ok(known.fetch_optional(connection).await?.map(Option::unwrap_or_default))
}

/// The oldest version that wraps a key.
async fn oldest_wrapped(connection: &mut PgConnection, of: Holder) -> Result<Option<i32>, sqlx::Error> {
    let oldest = sqlx::query_scalar!(
        "SELECT min(version) FROM keys.data_key WHERE context = $1 AND owner_id = $2 AND wrapped IS NOT NULL",
        of.context,
        of.owner,
    );
    oldest.fetch_one(connection).await
}
