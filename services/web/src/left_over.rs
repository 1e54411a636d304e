//! Keys that are left of whoever is forgotten: a forgetting that was cut short is finished, and one that a backup undid is done
//! again.

use schema::DataKeyId;
use sqlx::PgPool;
use uuid::Uuid;
use vault::{Vault, VaultError};

/// The keys that a service's records of an owner name.
pub trait Named: Sync {
    /// Those of an owner, as the records are now.
    fn of(&self, pool: &PgPool, owner: Uuid) -> impl Future<Output = Result<Vec<DataKeyId>, sqlx::Error>> + Send;
}

/// Destroys the keys `gone` of an owner, of whose other keys the store must have all that are named; how many there were.
pub async fn destroy(
    pool: &PgPool,
    vault: &Vault,
    (owner, gone): (Uuid, &[DataKeyId]),
    named: &impl Named,
) -> Result<u64, VaultError> {
    let named = named.of(pool, owner).await?;
    vault.destroy(owner, gone, &named).await
}

/// Whether the key `gone` of an owner could be destroyed at the moment, or why not.
pub async fn check(
    pool: &PgPool,
    vault: &Vault,
    (owner, gone): (Uuid, DataKeyId),
    named: &impl Named,
) -> Result<(), VaultError> {
    let mut to_stay = named.of(pool, owner).await?;
    to_stay.retain(|key| *key != gone);
    vault.check(owner, &to_stay).await
}

/// The same of many owners, those of whom nothing is left passed by; the owners of whom it was done, and how many keys there were.
/// What fails for one holds up no other and is logged; while nobody's keys can be had, the rest waits.
pub async fn destroy_all(
    pool: &PgPool,
    vault: &Vault,
    forgotten: impl IntoIterator<Item = (Uuid, Vec<DataKeyId>)>,
    named: &impl Named,
) -> (Vec<Uuid>, u64) {
    let (mut done, mut destroyed) = (Vec::new(), 0);
    for (owner, gone) in forgotten {
        let outcome = match vault.has_left(owner, &gone).await {
            Ok(false) => Ok(0),
            Ok(true) => destroy(pool, vault, (owner, &gone), named).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(number) => {
                done.push(owner);
                destroyed += number;
            }
            Err(error) => {
                tracing::error!(%owner, %error, "keys of whoever is forgotten are left; it is tried again in a minute");
                if error.is_outage() {
                    break;
                }
            }
        }
    }
    (done, destroyed)
}
