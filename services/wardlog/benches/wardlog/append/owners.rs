//! Owners spread over all partitions.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use eventlog::{Owner, PARTITIONS, Partition, join};
use schema::TrustId;
use sqlx::PgPool;
use uuid::Uuid;

/// How many owners there are: as many as the trusts of a large installation.
pub const OWNERS: usize = 640;

/// Joins the owners, always the same; each with its partition.
pub async fn make(pool: &PgPool) -> Result<Vec<(Owner, Partition)>> {
    let mut connection = pool.acquire().await?;
    let mut owners = Vec::with_capacity(OWNERS);
    for number in (1_u128..).take(OWNERS) {
        let owner = Owner::Trust(TrustId::from(Uuid::from_u128(number)));
        owners.push((owner, join(&mut connection, owner).await?));
    }
    let partitions: BTreeSet<Partition> = owners.iter().map(|(_, partition)| *partition).collect();
    ensure!(i16::try_from(partitions.len())? == PARTITIONS, "expected owners in every partition");
    Ok(owners)
}
