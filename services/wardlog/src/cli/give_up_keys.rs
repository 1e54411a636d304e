//! `wardlog give-up-keys`.

use anyhow::{Context, Result, ensure};
use clap::Args;
use database::Logins;
use uuid::Uuid;
use vault::Vault;

use super::{Database, Place};
use crate::{contexts::CONTEXTS, home, serve};

/// Says that the keys which the records of a school or trust name and the key store lacks are lost for good.
#[derive(Debug, Args)]
pub(super) struct GiveUpKeys {
    /// The school's or trust's id, as `wardlog doctor` says it
    owner: Uuid,
    /// Nobody has a dump of the key store any more that has them: what they sealed is never read again
    #[arg(long)]
    lost_for_good: bool,
}

impl GiveUpKeys {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        ensure!(
            self.lost_for_good,
            "what the keys sealed is never read again, not even once a dump turns up that has them: restore the key store's \
             newest dump, and say --lost-for-good where there is none"
        );
        let database = place.database().await?;
        let (logins, server) = place.key_database(Some(&database)).await?.context("give VAULT_DATABASE_URL")?;
        let outcome = self.give_up(&database, &logins).await;
        if let Some(server) = server {
            home::stop_if_unused(&server).await?;
        }
        database.close().await?;
        outcome
    }

    async fn give_up(self, database: &Database, logins: &Logins) -> Result<()> {
        for context in CONTEXTS {
            let named = database.keys_of(context).await?.remove(&self.owner).unwrap_or_default();
            let pool = serve::key_store_pool(logins, context).await?;
            let given_up = Vault::give_up(context.name, &pool, self.owner, &named).await;
            pool.close().await;
            println!("{}: {} keys of {} are given up", context.name, given_up?, self.owner);
        }
        Ok(())
    }
}
