//! Whether a key store and its wrapping keys are of one time, for whoever has just restored one of them. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use database::transact;
use schema::DataKeyId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    TransitError, Vault, VaultError,
    holder::Holder,
    lacking::{ids, must_have},
    wrapping::Wrapping,
};

/// What is found of a context's keys.
#[derive(Debug)]
pub struct Examined {
    /// How many schools and trusts have keys.
    pub owners: usize,
    /// Those of whose keys something is wrong: the store is older than what wraps them or the other way round, or lacks some.
    pub outdated: Vec<(Uuid, VaultError)>,
}

impl Vault {
    /// Asks of every owner that the records say has keys, and of each that is known to the store or, in a file, to the wrapping
    /// keys. `named` are the keys that the records name.
    pub async fn examine(
        context: &'static str,
        pool: &PgPool,
        wrapping: impl Into<Wrapping>,
        mut named: BTreeMap<Uuid, Vec<DataKeyId>>,
    ) -> Result<Examined, VaultError> {
        let wrapping = wrapping.into();
        let known = transact(pool, move |connection| Box::pin(async move { known(connection, context).await })).await?;
        let mut owners: BTreeSet<Uuid> = wrapping.owners(context).await?.into_iter().collect();
        owners.extend(named.iter().filter(|(_, keys)| !keys.is_empty()).map(|(owner, _)| *owner));
        let Some(known) = known else {
            // The store is from before the first key, if there is any.
            let outdated = owners.iter().map(|&owner| (owner, VaultError::OlderStore)).collect();
            return Ok(Examined { owners: owners.len(), outdated });
        };
        owners.extend(known);
        let mut outdated = Vec::new();
        for &owner in &owners {
            let (of, wrapping) = (Holder { context, owner }, wrapping.clone());
            let named = ids(&named.remove(&owner).unwrap_or_default());
            let examined = transact(pool, move |connection| {
                Box::pin(async move {
                    of.lock_shared(connection).await?;
                    let key = of.wrapping_key(connection, &wrapping).await?;
                    key.must_wrap_all(of.oldest_wrapped(connection).await?)?;
                    must_have(connection, of, &named).await
                })
            });
            match examined.await {
                Ok(()) => {}
                Err(error) if error.is_outage() || is_of_all(&error) => return Err(error),
                // What is wrong with one hides nothing of the others.
                Err(error) => outdated.push((owner, error)),
            }
        }
        Ok(Examined { owners: owners.len(), outdated })
    }
}

/// Whether it is so of all owners of a context.
fn is_of_all(error: &VaultError) -> bool {
    matches!(error, VaultError::OtherWrapping | VaultError::Transit(TransitError::Forbidden { .. }))
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
