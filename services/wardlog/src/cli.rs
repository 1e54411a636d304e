//! The command line.

mod as_of;
mod doctor;
mod give_up_keys;
mod import;
mod key_service;
mod keys;
mod replay;
mod serve;
mod token;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Result;
use clap::{Parser, Subcommand};
use database::{Logins, private::PrivateServer};
use schema::DataKeyId;
use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};
use uuid::Uuid;
use vault::Wrapping;

use self::key_service::KeyService;
use crate::{
    contexts::Context,
    demo,
    home::{self, Home},
    serve::KeyStore,
};

/// Children's online safety across many schools: one append-only record, and answers from it.
#[derive(Debug, Parser)]
#[command(name = "wardlog", version)]
pub struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Where everything is.
#[derive(Debug, clap::Args)]
struct Place {
    /// The PostgreSQL database to use; without it a private server is started in WARDLOG_HOME
    #[arg(long, env = "DATABASE_URL", global = true, hide_env_values = true)]
    database_url: Option<PgConnectOptions>,
    /// The PostgreSQL database of the key store; without it, and without DATABASE_URL, a second private server
    #[arg(long, env = "VAULT_DATABASE_URL", global = true, hide_env_values = true)]
    vault_database_url: Option<PgConnectOptions>,
    #[command(flatten)]
    key_service: KeyService,
    /// The directory of the private server, the keys and the development issuer
    #[arg(long = "home", env = "WARDLOG_HOME", default_value = ".wardlog", global = true)]
    home: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run roles until SIGTERM or Ctrl-C
    Serve(Box<serve::Serve>),
    /// Show the main job: a generated school day of a real trust through the real door, then the comparison
    Demo(demo::Options),
    /// Import from a file
    #[command(subcommand)]
    Import(import::Import),
    /// Make or revoke a filter's ingest keys
    #[command(subcommand)]
    Key(keys::Key),
    /// Show a school as it was known at an instant, beside what is known now
    AsOf(as_of::AsOf),
    /// Mint a token of the development issuer
    Token(token::Token),
    /// Bring the database up to date and do nothing else
    Migrate,
    /// Fill a view again from the beginning of its log, beside the one that is shown, and show it instead
    Replay(replay::Replay),
    /// Decide that a view passes over an event which it cannot fold
    Skip(replay::Skip),
    /// Check the logs, the views, the roles and the clock; fails if anything is wrong
    Doctor(doctor::Doctor),
    /// Say that keys which the key store lacks are lost for good, so that nobody waits for a dump that has them
    GiveUpKeys(give_up_keys::GiveUpKeys),
    /// Write schema/graphql and schema/openapi
    Schema {
        /// The repository's schema directory
        #[arg(default_value = "schema")]
        directory: PathBuf,
    },
}

impl Cli {
    /// Whether it runs until it is told to stop, and logs rather than prints.
    pub fn is_service(&self) -> bool {
        matches!(self.command, Command::Serve(_))
    }
}

impl Place {
    fn home(&self) -> Result<Home> {
        Home::open(&self.home)
    }

    /// The database as it is.
    fn database_as_it_is(&self) -> Result<Database> {
        if let Some(options) = &self.database_url {
            return Ok(Database { options: options.clone(), server: None });
        }
        let server = self.home()?.postgres()?;
        Ok(Database { options: server.options().database(home::DATABASE), server: Some(server) })
    }

    /// The database, up to date: the given one, or the private server's.
    async fn database(&self) -> Result<Database> {
        if let Some(options) = &self.database_url {
            database::migrate(options).await?;
            return Ok(Database { options: options.clone(), server: None });
        }
        let server = self.home()?.postgres()?;
        let options = home::prepare(&server.options(), home::DATABASE).await?;
        Ok(Database { options, server: Some(server) })
    }

    /// The key store: the given one, or beside a private server of the database another. None if the database is given and
    /// no key store: there is one for all processes, so none makes one of its own.
    ///
    /// It is brought up to date by whoever brought `database` up to date.
    async fn key_store(&self, database: Option<&Database>) -> Result<Option<(KeyStore, Option<PrivateServer>)>> {
        let Some((database, server)) = self.key_database(database).await? else { return Ok(None) };
        let wrapping = match self.key_service.transit()? {
            Some(transit) => transit.into(),
            None => Arc::new(self.home()?.wrapping_keys()?).into(),
        };
        Ok(Some((KeyStore { database, wrapping }, server)))
    }

    /// The key store's database alone.
    async fn key_database(&self, database: Option<&Database>) -> Result<Option<(Logins, Option<PrivateServer>)>> {
        Ok(Some(match &self.vault_database_url {
            Some(options) => {
                if database.is_some() {
                    database::migrate_key_store(options).await?;
                }
                (Logins::given(BTreeMap::new(), Some(options.clone())), None)
            }
            None if database.is_none_or(|database| database.server.is_none()) => return Ok(None),
            None => {
                let server = self.home()?.key_store()?;
                (Logins::of_their_own(&home::prepare_key_store(&server.options()).await?), Some(server))
            }
        }))
    }

    /// What wraps the keys, as it is: none is made.
    fn wrapping_as_it_is(&self) -> Result<Wrapping> {
        Ok(match self.key_service.transit()? {
            Some(transit) => transit.into(),
            None => Arc::new(self.home()?.existing_wrapping_keys()?).into(),
        })
    }
}

/// A database that is open for one command.
struct Database {
    options: PgConnectOptions,
    server: Option<PrivateServer>,
}

impl Database {
    /// The keys that a context's records name, by owner.
    async fn keys_of(&self, context: &Context) -> Result<BTreeMap<Uuid, Vec<DataKeyId>>> {
        let as_context = self.options.clone().options([("role", context.database.as_str())]);
        let mut connection = as_context.disable_statement_logging().connect().await?;
        let named = (context.keys)(&mut connection).await;
        connection.close().await?;
        Ok(named?)
    }

    /// Stops the private server, unless somebody else uses it.
    async fn close(self) -> Result<()> {
        match self.server {
            Some(server) => home::stop_if_unused(&server).await,
            None => Ok(()),
        }
    }
}

/// Runs one command.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    let place = cli.place;
    match cli.command {
        Command::Serve(serve) => serve.run(&place).await?,
        Command::Demo(options) => return serve::demo(&place, &options).await,
        Command::Import(import) => import.run(&place).await?,
        Command::Key(key) => key.run(&place).await?,
        Command::AsOf(as_of) => as_of.run(&place).await?,
        Command::Token(token) => token.run(&place).await?,
        Command::Migrate => {
            let database = place.database().await?;
            if let Some((_, Some(server))) = place.key_database(Some(&database)).await? {
                home::stop_if_unused(&server).await?;
            }
            database.close().await?;
        }
        Command::Replay(replay) => return replay.run(&place).await,
        Command::Skip(skip) => skip.run(&place).await?,
        Command::Doctor(doctor) => return doctor.run(&place).await,
        Command::GiveUpKeys(give_up) => give_up.run(&place).await?,
        Command::Schema { directory } => crate::schema_files::write(&directory)?,
    }
    Ok(ExitCode::SUCCESS)
}
