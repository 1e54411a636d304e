//! The one list of contexts: what each brings to the binary. The gateway's schema names their GraphQL parts itself.

use std::{collections::BTreeMap, process::ExitCode, sync::Arc};

use actix_web::web::ServiceConfig;
use anyhow::Result;
use directory::{DirectoryView, PeopleView, ProvisioningView};
use eventlog::{Projection, Wake, doctor};
use filtering::views::{Counts, Decisions};
use futures_util::future::BoxFuture;
use schema::DataKeyId;
use sqlx::{PgConnection, PgPool, postgres::PgConnectOptions};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use web::{
    clock,
    command::{Means, Service},
};

use crate::{
    replay::{self, How},
    serve::Role,
};

/// Mounts a context's commands on the internal listener.
pub type Commands = fn(&mut ServiceConfig, Service);

/// What a context sees to beside its commands, again and again.
pub type Chore = fn(Means) -> BoxFuture<'static, Result<()>>;

/// The keys that a context's records name, by owner; asked as the context's role.
pub type Keys = for<'c> fn(&'c mut PgConnection) -> BoxFuture<'c, Result<BTreeMap<Uuid, Vec<DataKeyId>>, sqlx::Error>>;

/// What a context does once keys of an owner are given up; asked as the context's role.
pub type GiveUp = for<'a> fn(&'a PgPool, Uuid, &'a [DataKeyId]) -> BoxFuture<'a, Result<()>>;

/// A context, as the binary runs it.
#[derive(Debug)]
pub struct Context {
    /// Its name: the audience of the tokens that it believes.
    pub name: &'static str,
    /// The role in which its commands are taken.
    pub role: Role,
    /// What it is to PostgreSQL then.
    pub database: database::Role,
    /// Its commands.
    pub commands: Commands,
    /// What it sees to beside; none if there is nothing.
    pub chore: Option<Chore>,
    /// The keys that its records name, by owner.
    pub keys: Keys,
    /// What it does once some of them are given up; none if there is nothing.
    pub give_up: Option<GiveUp>,
    /// Its views.
    pub views: &'static [View],
}

/// Every context.
pub const CONTEXTS: &[Context] = &[
    Context {
        name: directory::http::SERVICE,
        role: Role::Directory,
        database: database::Role::Directory,
        commands: directory::http::routes,
        chore: Some(|means| {
            Box::pin(async move {
                let destroyed = directory::commands::destroy_left_over(&means.pool, &means.vault).await?;
                if destroyed > 0 {
                    tracing::warn!(destroyed, "keys of people who are forgotten were still there");
                }
                Ok(())
            })
        }),
        keys: |connection| Box::pin(directory::keys::named(connection)),
        give_up: None,
        views: &[
            View::of::<DirectoryView>(Wakes::domain),
            View::of::<PeopleView>(Wakes::domain),
            View::of::<ProvisioningView>(Wakes::domain),
        ],
    },
    Context {
        name: filtering::commands::SERVICE,
        role: Role::Filtering,
        database: database::Role::Filtering,
        commands: filtering::commands::routes,
        chore: Some(|means| {
            Box::pin(async move {
                let destroyed = filtering::commands::destroy_left_over(&means.pool, &means.vault).await?;
                if destroyed > 0 {
                    tracing::warn!(destroyed, "keys of names that are forgotten were still there");
                }
                Ok(())
            })
        }),
        keys: |connection| Box::pin(filtering::keys::named(connection)),
        give_up: Some(|pool, school, lost| {
            Box::pin(async move { Ok(filtering::commands::give_up(pool, school, lost).await?) })
        }),
        views: &[View::of::<Counts>(Wakes::telemetry), View::of::<Decisions>(Wakes::domain)],
    },
];

/// Every view of every context.
pub fn views() -> impl Iterator<Item = &'static View> {
    CONTEXTS.iter().flat_map(|context| context.views)
}

/// What wakes the readers of each log within this process.
#[derive(Debug, Clone, Default)]
pub struct Wakes {
    domain: Wake,
    telemetry: Wake,
}

impl Wakes {
    /// The domain log's.
    pub fn domain(&self) -> &Wake {
        &self.domain
    }

    /// The telemetry log's.
    pub fn telemetry(&self) -> &Wake {
        &self.telemetry
    }
}

/// A view, as the binary runs, rebuilds and examines it.
#[derive(Debug)]
pub struct View {
    /// Its name.
    pub name: &'static str,
    wake: fn(&Wakes) -> &Wake,
    fold: fn(PgPool, Wake, CancellationToken) -> BoxFuture<'static, ()>,
    replay: fn(&PgConnectOptions, How) -> BoxFuture<'_, Result<ExitCode>>,
    examined: fn() -> doctor::View,
}

impl View {
    const fn of<P: Projection<Log: doctor::Stored> + Default>(wake: fn(&Wakes) -> &Wake) -> Self {
        Self {
            name: P::NAME,
            wake,
            fold: |pool, wake, stop| {
                Box::pin(eventlog::run(pool, Arc::new(P::default()), wake, clock::random_id(), stop))
            },
            replay: |database, how| Box::pin(async move { replay::run(database, &P::default(), how).await }),
            examined: doctor::View::of::<P>,
        }
    }

    /// Folds it until `stop`.
    pub fn fold(&self, pool: PgPool, wakes: &Wakes, stop: CancellationToken) -> BoxFuture<'static, ()> {
        (self.fold)(pool, (self.wake)(wakes).clone(), stop)
    }

    /// Rebuilds it, or goes back.
    pub fn replay<'a>(&self, database: &'a PgConnectOptions, how: How) -> BoxFuture<'a, Result<ExitCode>> {
        (self.replay)(database, how)
    }

    /// What the doctor looks at.
    pub fn examined(&self) -> doctor::View {
        (self.examined)()
    }
}
