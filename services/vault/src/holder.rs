//! Whose keys they are, and whether the key store and the wrapping keys are of one time.
//!
//! Both are restored apart, so one may be older than the other. The store is told of each version of a wrapping key before
//! the version is made (`announced`), and again when it wraps anything (`used`): an older store has not heard of the newest
//! version that there is, and older wrapping keys lack one that was used.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{VaultError, own_wrapping, wrapping::Wrapping};

/// Whose wrapping key: a context's for a school or trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Holder {
    pub(crate) context: &'static str,
    pub(crate) owner: Uuid,
}

/// Which versions of a wrapping key there are: these two and all between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) oldest: i32,
    pub(crate) newest: i32,
}

/// The newest versions that the store was told of.
#[derive(Default)]
struct Told {
    announced: i32,
    used: i32,
}

/// A wrapping key of which the store and whoever has it say the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrappingKey {
    /// None if it was never made.
    pub(crate) versions: Option<Versions>,
    /// Whether the next version may be made.
    pub(crate) is_next_announced: bool,
    /// Whether the store was told that the newest version wraps keys of it.
    pub(crate) is_newest_used: bool,
}

impl WrappingKey {
    /// That there is the oldest version which wraps a key of the store; a store of which it is gone is an older one, and so is a
    /// dump from between a version's announcement and its use, which has heard of it.
    pub(crate) fn must_wrap_all(self, oldest_wrapped: Option<i32>) -> Result<(), VaultError> {
        let is_older = self.versions.zip(oldest_wrapped).is_some_and(|(versions, oldest)| oldest < versions.oldest);
        if is_older { Err(VaultError::OlderStore) } else { Ok(()) }
    }

    /// The newest version; 0 if there is none.
    pub(crate) fn newest(self) -> i32 {
        self.versions.map_or(0, |versions| versions.newest)
    }
}

impl Holder {
    /// Held until the transaction ends by whoever wraps anew: they wait for those who wrap or read, and those for them.
    pub(crate) async fn lock(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query!("SELECT pg_advisory_xact_lock($1)", self.number()).fetch_one(connection).await.map(drop)
    }

    /// Held by whoever wraps or reads: between a row and its wrapping key, and between a version and what is wrapped under
    /// it, nobody destroys either.
    pub(crate) async fn lock_shared(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query!("SELECT pg_advisory_xact_lock_shared($1)", self.number()).fetch_one(connection).await.map(drop)
    }

    /// What there is of the wrapping key; an error where the store or the wrapping keys are older than the other.
    ///
    /// Under either lock, for then nobody announces anything; and the store is asked first, for what it was told is used
    /// is there.
    pub(crate) async fn wrapping_key(
        self,
        connection: &mut PgConnection,
        wrapping: &Wrapping,
    ) -> Result<WrappingKey, VaultError> {
        own_wrapping::check(&mut *connection, self.context, wrapping).await?;
        let told = sqlx::query_as!(
            Told,
            "SELECT announced, used FROM keys.wrapping_key WHERE context = $1 AND owner_id = $2",
            self.context,
            self.owner,
        );
        let Told { announced, used } = told.fetch_optional(connection).await?.unwrap_or_default();
        let versions = wrapping.versions(self).await?;
        let newest = versions.map_or(0, |versions| versions.newest);
        match newest {
            newest if newest > announced => Err(VaultError::OlderStore),
            newest if newest < used => Err(VaultError::OlderWrapping),
            newest => {
                Ok(WrappingKey { versions, is_next_announced: newest < announced, is_newest_used: newest == used })
            }
        }
    }

    /// The oldest version that wraps a key.
    pub(crate) async fn oldest_wrapped(self, connection: &mut PgConnection) -> Result<Option<i32>, sqlx::Error> {
        let oldest = sqlx::query_scalar!(
            "SELECT min(version) FROM keys.data_key WHERE context = $1 AND owner_id = $2 AND wrapped IS NOT NULL",
            self.context,
            self.owner,
        );
        oldest.fetch_one(connection).await
    }

    /// Tells the store of the next version, which may be made once this is committed.
    pub(crate) async fn announce(self, connection: &mut PgConnection, wrapping: &Wrapping) -> Result<(), VaultError> {
        self.lock(connection).await?;
        let next = self.wrapping_key(connection, wrapping).await?.newest() + 1;
        let announced = sqlx::query!(
            "INSERT INTO keys.wrapping_key (context, owner_id, announced) VALUES ($1, $2, $3)
             ON CONFLICT (context, owner_id) DO UPDATE SET announced = excluded.announced",
            self.context,
            self.owner,
            next,
        );
        Ok(announced.execute(connection).await.map(drop)?)
    }

    /// Tells the store that a version wraps keys of it.
    pub(crate) async fn tell_used(self, connection: &mut PgConnection, version: i32) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "UPDATE keys.wrapping_key SET used = $3 WHERE context = $1 AND owner_id = $2 AND used < $3",
            self.context,
            self.owner,
            version,
        )
        .execute(connection)
        .await
        .map(drop)
    }

    /// Another lock for each context: whoever wraps one's keys anew holds up no other.
    fn number(self) -> i64 {
        let mut hash = blake3::Hasher::new_derive_key("Wardlog 2026 locks of a holder's keys");
        hash.update(self.owner.as_bytes()).update(self.context.as_bytes());
        let mut number = [0; 8];
        hash.finalize_xof().fill(&mut number);
        i64::from_le_bytes(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_context_and_each_owner_has_a_lock_of_its_own() {
        let of = |context, owner| Holder { context, owner: Uuid::from_u128(owner) }.number();
        assert_eq!(of("directory", 1), of("directory", 1));
        assert_ne!(of("directory", 1), of("filtering", 1));
        assert_ne!(of("directory", 1), of("directory", 2));
    }
}
