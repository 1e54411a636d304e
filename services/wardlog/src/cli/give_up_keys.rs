//! `wardlog give-up-keys`.

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use uuid::Uuid;
use vault::GivenUp;

use super::{Database, Place};
use crate::{
    contexts::{CONTEXTS, Context},
    home,
    serve::KeyStore,
};

/// Says that the keys which the records of a school or trust name and the key store lacks are lost for good.
///
/// Stop the role filtering before: what runs believes what it knows for 5 minutes, and keeps nothing of these names meanwhile.
#[derive(Debug, Args)]
pub(super) struct GiveUpKeys {
    /// The school's or trust's id, as `wardlog doctor` says it
    owner: Uuid,
    /// Nobody has a dump of the key store any more that has them: what they sealed is never read again
    #[arg(long)]
    lost_for_good: bool,
    /// Who decides it; kept in the key store
    #[arg(long)]
    by: String,
    /// Why; kept in the key store
    #[arg(long)]
    reason: String,
}

impl GiveUpKeys {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        ensure!(
            self.lost_for_good,
            "what the keys sealed is never read again, not even once a dump turns up that has them: restore the key store's \
             newest dump, and say --lost-for-good where there is none"
        );
        let database = place.database().await?;
        let (key_store, server) = place.key_store(Some(&database)).await?.context("give VAULT_DATABASE_URL")?;
        let outcome = self.give_up(&database, &key_store).await;
        if let Some(server) = server {
            home::stop_if_unused(&server).await?;
        }
        database.close().await?;
        outcome
    }

    async fn give_up(self, database: &Database, key_store: &KeyStore) -> Result<()> {
        for context in CONTEXTS {
            let given_up = self.give_up_of(context, database, key_store).await?;
            println!("{}: {given_up} keys of {} are given up", context.name, self.owner);
        }
        Ok(())
    }

    async fn give_up_of(&self, context: &Context, database: &Database, key_store: &KeyStore) -> Result<u64> {
        let named = database.keys_of(context).await?.remove(&self.owner).unwrap_or_default();
        let vault = key_store.vault(context).await?;
        let said = GivenUp { by: self.by.clone(), reason: self.reason.clone() };
        let given_up = vault.give_up(self.owner, &named, said).await?;
        // Of all that ever were: what was cut short is done when it is said again.
        let lost = vault.given_up(self.owner).await?;
        if let Some(give_up) = context.give_up
            && !lost.is_empty()
        {
            let pool = database::connect(&database.options, context.database, 1).await?;
            let done = give_up(&pool, self.owner, &lost).await;
            pool.close().await;
            done?;
        }
        Ok(given_up)
    }
}
