//! `wardlog token`: a token of the development issuer, for a try by hand.

use access::{HeldRole, Subject};
use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use clap::Args;
use database::{Role, connect};
use directory::views::{school, trust};
use eventlog::Owner;
use schema::{
    TrustUid, Urn,
    people::{Site, StaffRole},
};
use web::clock;

use super::Place;

/// For how long a token is good.
const LIFETIME: TimeDelta = TimeDelta::hours(12);

/// `wardlog token`.
#[derive(Debug, Args)]
pub(super) struct Token {
    /// The role of whose it is to be, such as dsl, governor or mat-safeguarding-lead
    #[arg(long)]
    role: StaffRole,
    /// Held at the trust of this uid in the register
    #[arg(long, conflicts_with = "urn", required_unless_present = "urn")]
    trust: Option<TrustUid>,
    /// Held at the school of this URN
    #[arg(long)]
    urn: Option<Urn>,
}

impl Token {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        if place.database_url.is_some() {
            bail!("the development issuer belongs to the embedded default: unset DATABASE_URL");
        }
        let (site, place_kind) = if self.trust.is_some() { (Site::Trust, "trust") } else { (Site::School, "school") };
        if !self.role.is_of(site) {
            bail!("nobody is {} of a {place_kind}: expected another role, or the other place", self.role);
        }
        let database = place.database().await?;
        let pool = connect(&database.options, Role::Directory, 1).await?;
        let mut connection = pool.acquire().await?;
        let at = match (self.trust, self.urn) {
            (Some(uid), _) => trust::by_uid(&mut connection).await?.get(&uid).copied().map(Owner::Trust),
            (None, Some(urn)) => school::holder(&mut connection, urn).await?.map(Owner::School),
            (None, None) => None,
        };
        let at = at.context("nothing of that number is registered: import the register first")?;
        let subject: Subject = "operator".parse()?;
        let role = HeldRole { role: self.role, at };
        println!("{}", place.home()?.dev_issuer()?.mint(&subject, role, clock::now(), LIFETIME));
        drop(connection);
        pool.close().await;
        database.close().await
    }
}
