//! `directory.scim_key`: whose own directory may provision, and with which keys.

use access::KeyHash;
use eventlog::{At, DomainLog, EventRecord, Offset, Projection, ProjectionError};
use schema::{
    KeyId,
    provisioning::{ProvisioningEvent, ScimKeyIssued, ScimKeyRevoked},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::unreadable;
use crate::domain::workplace::Workplace;

/// Folds the keys into their table; other events pass by.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProvisioningView;

impl Projection for ProvisioningView {
    type Log = DomainLog;
    const NAME: &'static str = "provisioning";
    const TAKES: i64 = 500;

    async fn apply(
        &self,
        connection: &mut PgConnection,
        records: Vec<(Offset, EventRecord)>,
    ) -> Result<(), ProjectionError> {
        for (offset, record) in records {
            let at = At { offset, record: &record };
            match at.event::<ProvisioningEvent>()? {
                Some(ProvisioningEvent::KeyIssued(issued)) => issue(connection, at, issued).await?,
                Some(ProvisioningEvent::KeyRevoked(revoked)) => revoke(connection, at, revoked).await?,
                None => {}
            }
        }
        Ok(())
    }
}

async fn issue(c: &mut PgConnection, at: At<'_>, issued: ScimKeyIssued) -> Result<(), ProjectionError> {
    let (school, trust) = at.owner();
    let hash: KeyHash = issued.hash.parse().map_err(|_| at.poison("expected a hash of 64 hex digits"))?;
    let written = sqlx::query!(
        "INSERT INTO scim_key (key_id, school_id, trust_id, hash, issued_at) VALUES ($1, $2, $3, $4, $5)",
        Uuid::from(issued.key),
        school,
        trust,
        hash.as_bytes().as_slice(),
        at.record.occurred_at,
    );
    at.one_row(&written.execute(c).await?)
}

async fn revoke(c: &mut PgConnection, at: At<'_>, revoked: ScimKeyRevoked) -> Result<(), ProjectionError> {
    let written = sqlx::query!(
        "UPDATE scim_key SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL",
        Uuid::from(revoked.key),
        at.record.occurred_at,
    );
    at.one_row(&written.execute(c).await?)
}

/// Whose key it is, revoked or not.
pub async fn owner(connection: &mut PgConnection, key: KeyId) -> Result<Option<Workplace>, sqlx::Error> {
    let row = sqlx::query!("SELECT school_id, trust_id FROM directory.scim_key WHERE key_id = $1", Uuid::from(key));
    row.fetch_optional(connection).await?.map(|row| workplace(row.school_id, row.trust_id)).transpose()
}

/// Whose the key with this hash is; a revoked key is nobody's.
pub async fn holder(connection: &mut PgConnection, hash: KeyHash) -> Result<Option<(KeyId, Workplace)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT key_id AS "key_id!", school_id, trust_id FROM directory.scim_key
           WHERE hash = $1 AND revoked_at IS NULL"#,
        hash.as_bytes().as_slice(),
    );
    let row = row.fetch_optional(connection).await?;
    row.map(|row| Ok((row.key_id.into(), workplace(row.school_id, row.trust_id)?))).transpose()
}

fn workplace(school: Option<Uuid>, trust: Option<Uuid>) -> Result<Workplace, sqlx::Error> {
    let school = school.map(|school| Workplace::School(school.into()));
    let either = school.or_else(|| trust.map(|trust| Workplace::Trust(trust.into())));
    either.ok_or_else(|| unreadable(OfNobody))
}

/// The table's own check does not let it come to this.
#[derive(Debug, thiserror::Error)]
#[error("expected a key of a school or of a trust")]
struct OfNobody;
