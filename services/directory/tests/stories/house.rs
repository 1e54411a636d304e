//! A database of its own for each test, with the roles that use it.

use std::{fs, path::PathBuf, sync::Arc};

use chrono::{DateTime, NaiveDate, Utc};
use database::{Role, connect, scratch};
use directory::{
    DirectoryView, PeopleView, ProvisioningView,
    http::SERVICE,
    import::{Imported, import},
};
use eventlog::{Cause, CommandError, Owner, catch_up};
use schema::{SchoolId, TrustId};
use sqlx::{PgPool, postgres::PgConnectOptions};
use uuid::Uuid;
use vault::{KeyFile, Vault};
use web::command::{CarriedOut, Command, Means, Sent, carry_out};

/// The register as the project carries it (`data/README.md`).
pub const SAMPLE: &str = include_str!("../../data/gias_sample.csv");

/// The header of a register file.
pub const HEADER: &str = "urn,name,la,phase,type,status,trust_uid,trust_name,pupils";

pub struct House {
    pub options: PgConnectOptions,
    pub directory: PgPool,
    pub projections: PgPool,
    pub gateway: PgPool,
    pub door: PgPool,
    pub vault: Vault,
    keys: PathBuf,
}

impl Drop for House {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.keys).unwrap();
    }
}

impl House {
    pub async fn new() -> Self {
        let options = scratch::database().await;
        let pool = |role| connect(&options, role, 4);
        let (directory, projections) = (pool(Role::Directory).await.unwrap(), pool(Role::Projections).await.unwrap());
        let (gateway, door) = (pool(Role::Gateway).await.unwrap(), pool(Role::Filtering).await.unwrap());
        let keys = std::env::temp_dir().join(format!("wardlog-house-{}", id()));
        fs::create_dir(&keys).unwrap();
        let wrapping = Arc::new(KeyFile::open(&keys.join("wrapping.keys")).unwrap());
        let vault = Vault::open(SERVICE, pool(Role::Directory).await.unwrap(), wrapping).await.unwrap();
        Self { options, directory, projections, gateway, door, vault, keys }
    }

    /// Imports `text` as the register of 1 September 2026 plus `days`.
    pub async fn import(&self, text: &str, days: u64) -> Imported {
        let on = first_day() + chrono::Days::new(days);
        import(&self.directory, &self.projections, text.as_bytes(), on, now(), &mut id, |_| {}).await.unwrap()
    }

    /// Carries a command out on a record of the school's.
    pub async fn tell<C: Command>(
        &self,
        school: SchoolId,
        command: C,
        id: &str,
    ) -> Result<CarriedOut<C::Answer>, CommandError<C::Refusal>> {
        let sent = Sent::new(because(id));
        carry_out(&self.means(), Owner::School(school), command, sent, now()).await
    }

    pub fn means(&self) -> Means {
        Means { pool: self.directory.clone(), vault: self.vault.clone(), secret: None }
    }

    pub async fn catch_up(&self) {
        catch_up(&self.projections, &DirectoryView).await.unwrap();
        catch_up(&self.projections, &PeopleView).await.unwrap();
        catch_up(&self.projections, &ProvisioningView).await.unwrap();
    }

    pub async fn events(&self) -> i64 {
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM log.event"#).fetch_one(&self.directory).await.unwrap()
    }

    pub async fn school(&self, urn: i32) -> SchoolId {
        let school = sqlx::query_scalar!("SELECT school_id FROM directory_1.school_urn WHERE urn = $1", urn);
        school.fetch_one(&self.projections).await.unwrap().into()
    }

    pub async fn trust(&self, uid: &str) -> TrustId {
        let trust = sqlx::query_scalar!("SELECT trust_id FROM directory_1.trust WHERE uid = $1", uid);
        trust.fetch_one(&self.projections).await.unwrap().into()
    }
}

pub fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 9, 1).unwrap()
}

pub fn now() -> DateTime<Utc> {
    "2026-09-01T08:00:00Z".parse().unwrap()
}

pub fn id() -> Uuid {
    Uuid::from_u128(rand::random())
}

pub fn because(command: &str) -> Cause {
    Cause {
        command_id: command.parse().unwrap(),
        actor: "a-person".into(),
        correlation_id: id(),
        causation_id: None,
        traceparent: None,
    }
}
