//! `wardlog token`: a token of the development issuer, for a try by hand.

use access::{Scope, Subject};
use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use clap::{Args, ValueEnum};
use database::{Role, connect};
use directory::views::{school, trust};
use schema::{TrustUid, Urn};
use web::clock;

use super::Place;

/// For how long a token is good.
const LIFETIME: TimeDelta = TimeDelta::hours(12);

/// `wardlog token`.
#[derive(Debug, Args)]
pub(super) struct Token {
    /// Whose it is to be
    #[arg(long, value_enum)]
    role: Bearer,
    /// The trust's uid in the register, for a MAT lead
    #[arg(long, required_if_eq("role", "mat-lead"))]
    trust: Option<TrustUid>,
    /// The school's URN, for its DSL or governor
    #[arg(long, required_if_eq_any([("role", "dsl"), ("role", "governor")]))]
    urn: Option<Urn>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Bearer {
    /// A trust's safeguarding lead
    MatLead,
    /// A school's designated safeguarding lead
    Dsl,
    /// A school's governor
    Governor,
}

impl Token {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        if place.database_url.is_some() {
            bail!("the development issuer belongs to the embedded default: unset DATABASE_URL");
        }
        let database = place.database().await?;
        let pool = connect(&database.options, Role::Directory, 1).await?;
        let mut connection = pool.acquire().await?;
        let scope = match (self.role, self.trust, self.urn) {
            (Bearer::MatLead, Some(uid), _) => {
                let known = trust::by_uid(&mut connection).await?;
                Scope::Trust(
                    *known
                        .get(&uid)
                        .with_context(|| format!("no trust has the uid {uid}: import the register first"))?,
                )
            }
            (role @ (Bearer::Dsl | Bearer::Governor), _, Some(urn)) => {
                let school = school::holder(&mut connection, urn)
                    .await?
                    .with_context(|| format!("no school has the URN {urn}: import the register first"))?;
                if matches!(role, Bearer::Dsl) { Scope::School(school) } else { Scope::GovernedSchool(school) }
            }
            (Bearer::MatLead, None, _) => bail!("expected --trust"),
            (Bearer::Dsl | Bearer::Governor, _, None) => bail!("expected --urn"),
        };
        let subject: Subject = "operator".parse()?;
        println!("{}", place.home()?.dev_issuer()?.mint(&subject, scope, clock::now(), LIFETIME));
        drop(connection);
        pool.close().await;
        database.close().await
    }
}
