//! The one public schema: what each context adds, under the two roots that a reader starts from.

mod school;

use ::web::{
    command::Client,
    graphql::{bad_input, internal},
};
use access::{Caller, Scope, Scopes, tenant};
use async_graphql::{Context, EmptySubscription, Enum, MergedObject, Object, SimpleObject};
use comparison::{
    figures::{Figures, Precision},
    views::{months, schools},
};
use directory::{
    DirectoryView, PeopleView,
    domain::workplace::Workplace,
    graphql::{IdentityReading, Person, people},
    views,
};
use eventlog::Projection;
use schema::{Month, SchoolId, TrustId};
use sqlx::PgPool;
use uuid::Uuid;

use crate::after::After;
use school::{School, SchoolMonth};

/// The schema. Each request's data holds a [`Caller`], a [`web::graphql::Correlation`] and, if the answer is to show what
/// a command did, an [`After`].
pub type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

/// The introspection query of common clients nests this deep; nothing else that can be asked does.
const DEPTH: usize = 15;

/// The most that one document may cost: a field costs 1, one that asks the database [`READ`], and what stands under a
/// trust's schools as much as for [`SCHOOLS`] of them.
const COMPLEXITY: usize = 5_000;

/// What a field that asks the database costs.
const READ: usize = 25;

/// For how many schools a trust's are reckoned; few trusts have more.
const SCHOOLS: usize = 50;

/// For how many people, or readings of them, a school's are reckoned.
const PEOPLE: usize = 100;

/// How many readings one answer shows.
const READINGS: i64 = 100;

/// Assembles the schema over a pool of the role `Gateway`; commands go out by `client`.
pub fn build(pool: PgPool, client: Client) -> Schema {
    builder().data(pool).data(client).finish()
}

/// The schema's definition, as written to `schema/graphql/schema.graphql`.
pub fn sdl() -> String {
    builder().finish().sdl()
}

fn builder() -> async_graphql::SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query, Mutation::default(), EmptySubscription).limit_depth(DEPTH).limit_complexity(COMPLEXITY)
}

/// What can be told: each context adds its own.
#[derive(Debug, Clone, Copy, Default, MergedObject)]
pub struct Mutation(directory::graphql::Mutations);

/// Where a reader starts.
#[derive(Debug, Clone, Copy)]
pub struct Query;

#[expect(clippy::unused_async, reason = "the macro wants every resolver async")]
#[Object]
impl Query {
    /// What the caller may read: by the roles that are recorded of whoever logs in, or as the token says where its issuer is
    /// trusted with that.
    async fn viewer(&self, context: &Context<'_>) -> async_graphql::Result<Viewer> {
        let may = |scope| match scope {
            Scope::Trust(trust) => ViewerRole { role: Role::MatLead, trust_id: Some(trust.into()), school_id: None },
            Scope::School(school) => ViewerRole { role: Role::Dsl, trust_id: None, school_id: Some(school.into()) },
            Scope::GovernedSchool(school) => {
                ViewerRole { role: Role::Governor, trust_id: None, school_id: Some(school.into()) }
            }
        };
        Ok(Viewer { roles: scopes(context)?.iter().map(may).collect() })
    }

    /// A trust; null for one that does not exist or is not the caller's, which look the same.
    #[graphql(complexity = "READ + child_complexity")]
    async fn trust(&self, context: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<Trust>> {
        let found =
            read(context, &[DirectoryView::NAME], move |c| Box::pin(schools::trust(c, TrustId::from(id)))).await?;
        Ok(found.map(|row| Trust { row }))
    }

    /// A school; null for one that does not exist or is not the caller's to see, which look the same.
    #[graphql(complexity = "READ + child_complexity")]
    async fn school(&self, context: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<School>> {
        let found =
            read(context, &[DirectoryView::NAME], move |c| Box::pin(schools::school(c, SchoolId::from(id)))).await?;
        Ok(found.map(|row| School { row }))
    }
}

/// As what a caller reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Role {
    /// A trust's safeguarding lead: its schools by month, rounded.
    MatLead,
    /// A school's designated safeguarding lead, or their deputy, or its headteacher: the school, exactly.
    Dsl,
    /// A school's governor: the school by month, rounded.
    Governor,
}

/// The caller.
#[derive(Debug, Clone, SimpleObject)]
pub struct Viewer {
    /// As what the caller reads, and of which trust or school: of each what the role shows, and of all of them together no
    /// more. Empty for somebody who has no such role today.
    roles: Vec<ViewerRole>,
}

/// One of the things that a caller may read.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct ViewerRole {
    role: Role,
    /// The trust, for a MAT lead.
    trust_id: Option<Uuid>,
    /// The school, for its DSL or governor.
    school_id: Option<Uuid>,
}

/// A multi-academy trust.
#[derive(Debug, Clone)]
pub struct Trust {
    row: schools::Trust,
}

#[Object]
impl Trust {
    /// Its id.
    async fn id(&self) -> Uuid {
        self.row.trust_id
    }

    /// Its name in the register.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// The people who are recorded at the trust itself, with the roles that they hold there.
    #[graphql(complexity = "2 * READ + PEOPLE * child_complexity")]
    async fn people(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Person>> {
        people_of(context, Workplace::Trust(self.row.trust_id.into())).await
    }

    /// Who was shown who the trust's own people are, the latest 100.
    #[graphql(complexity = "READ + PEOPLE * child_complexity")]
    async fn identity_readings(&self, context: &Context<'_>) -> async_graphql::Result<Vec<IdentityReading>> {
        readings_of(context, Workplace::Trust(self.row.trust_id.into())).await
    }

    /// The schools that were the trust's on the last day of a month (`YYYY-MM`), with that month's figures, by name.
    #[graphql(complexity = "READ + SCHOOLS * child_complexity")]
    async fn schools(&self, context: &Context<'_>, month: String) -> async_graphql::Result<Vec<SchoolMonth>> {
        let month = parse_month(&month)?;
        let trust = TrustId::from(self.row.trust_id);
        // Above school level nothing is exact, not even of a school whose own figures the caller may see.
        let precision = Precision::RoundedTo5;
        let (rows, mut cells) = read(context, &[DirectoryView::NAME], move |connection| {
            Box::pin(async move {
                let rows = schools::of_trust(connection, trust, month).await?;
                let ids: Vec<Uuid> = rows.iter().map(|row| row.school_id).collect();
                let cells = months::of(connection, &ids, month, precision).await?;
                Ok((rows, cells))
            })
        })
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let figures = cells
                    .remove(&SchoolId::from(row.school_id))
                    .map(|cells| Figures::new(cells, precision, row.pupils));
                SchoolMonth { month: month.to_string(), figures, school: School { row } }
            })
            .collect())
    }
}

async fn people_of(context: &Context<'_>, at: Workplace) -> async_graphql::Result<Vec<Person>> {
    let (rows, roles) = read(context, &[PeopleView::NAME], move |connection| {
        Box::pin(
            async move { Ok((views::people::of(connection, at).await?, views::people::roles(connection, at).await?)) },
        )
    })
    .await?;
    Ok(people(rows, roles))
}

async fn readings_of(context: &Context<'_>, at: Workplace) -> async_graphql::Result<Vec<IdentityReading>> {
    let rows = read(context, &[PeopleView::NAME], move |c| Box::pin(views::people::readings(c, at, READINGS))).await?;
    Ok(rows.into_iter().map(IdentityReading::from).collect())
}

fn parse_month(text: &str) -> async_graphql::Result<Month> {
    text.parse().map_err(|_| bad_input("month", "expected a month as YYYY-MM"))
}

fn scopes<'c>(context: &Context<'c>) -> async_graphql::Result<&'c Scopes> {
    Ok(&context.data::<Caller>()?.scopes)
}

/// Reads as the caller, once the views of the domain log that `work` reads show what the request's token stands for.
async fn read<T: Send + 'static>(
    context: &Context<'_>,
    views: &[&'static str],
    work: impl for<'c> FnOnce(&'c mut sqlx::PgConnection) -> futures_util::future::BoxFuture<'c, Result<T, sqlx::Error>>
    + Send
    + 'static,
) -> async_graphql::Result<T> {
    let pool = context.data::<PgPool>()?;
    if let Some(after) = context.data_opt::<After>() {
        after.wait(pool, views).await?;
    }
    tenant::read(pool, scopes(context)?.clone(), work).await.map_err(|error| internal(&error))
}
