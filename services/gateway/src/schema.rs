//! The one public schema: what each context adds, under the two roots that a reader starts from.

mod school;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use ::web::{
    clock,
    command::Client,
    graphql::{StaffRole, bad_input, internal},
    steps,
};
use access::{
    Caller, Facts, Scopes,
    tenant::{self, Readers},
};
use async_graphql::{Context, EmptySubscription, MergedObject, Object, SimpleObject};
use comparison::{
    figures::{Figures, Precision},
    views::{months, schools},
};
use directory::{
    DirectoryView, PeopleView,
    domain::workplace::Workplace,
    graphql::{IdentityReading, Person, Recusal, Substitutes, people},
    views::{self, readings},
};
use eventlog::{Owner, Projection};
use schema::{MatterId, Month, SchoolId, TrustId, people::LoginName};
use sqlx::PgPool;
use tokio::time::Instant;
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

/// How many readings one answer shows at most.
const READINGS: i32 = 100;

/// How many recusals one answer shows.
const RECUSALS: i64 = 500;

/// Assembles the schema; what it shows is read by `readers`, and commands go out by `client`.
pub fn build(readers: Readers, client: Client) -> Schema {
    builder().data(readers).data(client).finish()
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
pub struct Mutation(directory::graphql::Mutations, filtering::graphql::FilterMutations);

/// Where a reader starts.
#[derive(Debug, Clone, Copy)]
pub struct Query;

#[expect(clippy::unused_async, reason = "the macro wants every resolver async")]
#[Object]
impl Query {
    /// Who asks, as far as it matters: in which roles. They are those recorded of whoever logs in, or what the token says
    /// where its issuer is trusted with that.
    async fn viewer(&self, context: &Context<'_>) -> async_graphql::Result<Viewer> {
        let roles = context.data::<Caller>()?.roles.iter().map(|held| {
            let (school_id, trust_id) = match held.at {
                Owner::School(school) => (Some(school.into()), None),
                Owner::Trust(trust) => (None, Some(trust.into())),
            };
            ViewerRole { role: held.role.into(), trust_id, school_id }
        });
        Ok(Viewer { roles: roles.collect() })
    }

    /// A trust; null for one that does not exist or is not the caller's, which look the same.
    #[graphql(complexity = "READ + child_complexity")]
    async fn trust(&self, context: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<Trust>> {
        let found =
            read(context, &[DirectoryView::NAME], move |c| Box::pin(schools::trust(c, TrustId::from(id)))).await?;
        let may_see = may(context, "view-trust", Owner::Trust(id.into()), &Facts::default())?;
        Ok(found.filter(|_| may_see).map(|row| Trust { row }))
    }

    /// A school; null for one that does not exist or is not the caller's to see, which look the same.
    #[graphql(complexity = "READ + child_complexity")]
    async fn school(&self, context: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<School>> {
        let found =
            read(context, &[DirectoryView::NAME], move |c| Box::pin(schools::school(c, SchoolId::from(id)))).await?;
        let found = found.map(|row| School { row });
        Ok(match found {
            Some(school) if school.may(context, "view-school")?.is_some() => Some(school),
            _ => None,
        })
    }
}

/// The caller.
#[derive(Debug, Clone, SimpleObject)]
pub struct Viewer {
    /// The roles that the caller holds today, of those that let anything be read or done here: of each what the role shows,
    /// and of all of them together no more.
    roles: Vec<ViewerRole>,
}

/// A role that the caller holds: at a trust, or at a school.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct ViewerRole {
    role: StaffRole,
    trust_id: Option<Uuid>,
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

    /// The people who are recorded at the trust itself, with the roles that they hold there. Null unless the caller leads
    /// the trust's safeguarding, or is its DPO.
    #[graphql(complexity = "2 * READ + PEOPLE * child_complexity")]
    async fn people(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<Person>>> {
        let Some(trust) = self.may(context, "read-people")? else { return Ok(None) };
        people_of(context, Workplace::Trust(trust)).await.map(Some)
    }

    /// Those of the trust's own people whose record is due for disposal: six years after they left, and not on
    /// hold. Null unless the caller
    /// leads the trust's safeguarding, or is its DPO.
    #[graphql(complexity = "2 * READ + PEOPLE * child_complexity")]
    async fn due_for_disposal(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<Person>>> {
        let Some(trust) = self.may(context, "read-people")? else { return Ok(None) };
        due_of(context, Workplace::Trust(trust)).await.map(Some)
    }

    /// Who was shown who the trust's own people are, the latest first. Null unless the caller leads the trust's safeguarding,
    /// or is its DPO.
    #[graphql(complexity = "READ + PEOPLE * child_complexity")]
    async fn identity_readings(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Those by this reader alone, as a reading has it.")] reader: Option<String>,
        #[graphql(desc = "Those of this person alone.")] person_id: Option<Uuid>,
        #[graphql(desc = "Those before this reading, the last that was shown.")] before: Option<Uuid>,
        #[graphql(desc = "How many at most, 1 to 100.", default_with = "READINGS")] first: i32,
    ) -> async_graphql::Result<Option<Vec<IdentityReading>>> {
        let wanted = readings::Wanted { reader, person: person_id.map(Into::into), before, most: up_to_100(first)? };
        let Some(trust) = self.may(context, "read-identity-readings")? else { return Ok(None) };
        readings_of(context, Workplace::Trust(trust), wanted).await.map(Some)
    }

    /// Who is recused from matters of the trust itself, the latest 500; not of those that the caller is recused from. Null unless
    /// the caller leads the trust's safeguarding, or is its DPO.
    #[graphql(complexity = "3 * READ + PEOPLE * child_complexity")]
    async fn recusals(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<Recusal>>> {
        let Some(trust) = self.may(context, "read-recusals")? else { return Ok(None) };
        recusals_of(context, Workplace::Trust(trust)).await.map(Some)
    }

    /// Who stands in for the holders of which of the trust's own roles, when they are recused. Null unless the caller leads the
    /// trust's safeguarding, or is its DPO.
    #[graphql(complexity = "READ + child_complexity")]
    async fn substitutes(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<Substitutes>>> {
        let Some(trust) = self.may(context, "read-roles")? else { return Ok(None) };
        substitutes_of(context, Workplace::Trust(trust)).await.map(Some)
    }

    /// The schools that were the trust's on the last day of a month (`YYYY-MM`), with that month's figures, by name. Null
    /// unless the caller leads the trust's safeguarding.
    #[graphql(complexity = "READ + SCHOOLS * child_complexity")]
    async fn schools(&self, context: &Context<'_>, month: String) -> async_graphql::Result<Option<Vec<SchoolMonth>>> {
        let month = parse_month(&month)?;
        let Some(trust) = self.may(context, "compare-schools")? else { return Ok(None) };
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
        let schools = rows.into_iter().map(|row| {
            let cells = cells.remove(&SchoolId::from(row.school_id));
            let figures = cells.map(|cells| Figures::new(cells, precision, row.pupils));
            SchoolMonth { month: month.to_string(), figures, school: School { row } }
        });
        Ok(Some(schools.collect()))
    }
}

impl Trust {
    /// The trust, if the caller may do this there.
    fn may(&self, context: &Context<'_>, action: &str) -> async_graphql::Result<Option<TrustId>> {
        let trust = TrustId::from(self.row.trust_id);
        Ok(may(context, action, Owner::Trust(trust), &Facts::default())?.then_some(trust))
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

/// Those of them whose record is due for disposal today.
async fn due_of(context: &Context<'_>, at: Workplace) -> async_graphql::Result<Vec<Person>> {
    let today = ::schema::london_day(clock::now());
    let people = people_of(context, at).await?;
    Ok(people.into_iter().filter(|person| person.is_due(today)).collect())
}

async fn readings_of(
    context: &Context<'_>,
    at: Workplace,
    wanted: readings::Wanted,
) -> async_graphql::Result<Vec<IdentityReading>> {
    let rows = read_of_matters(context, &[PeopleView::NAME], move |c, known| {
        Box::pin(async move { readings::of(c, at, &known, wanted).await })
    });
    Ok(rows.await?.into_iter().map(IdentityReading::from).collect())
}

async fn recusals_of(context: &Context<'_>, at: Workplace) -> async_graphql::Result<Vec<Recusal>> {
    let today = ::schema::london_day(clock::now());
    let rows = read_of_matters(context, &[PeopleView::NAME], move |c, known| {
        Box::pin(async move { views::recusals::of(c, at, &known, today, RECUSALS).await })
    });
    Ok(rows.await?.into_iter().map(Recusal::from).collect())
}

async fn substitutes_of(context: &Context<'_>, at: Workplace) -> async_graphql::Result<Vec<Substitutes>> {
    let rows = read(context, &[PeopleView::NAME], move |c| Box::pin(views::recusals::standing_in(c, at))).await?;
    Ok(rows.into_iter().map(Substitutes::from).collect())
}

fn parse_month(text: &str) -> async_graphql::Result<Month> {
    text.parse().map_err(|_| bad_input("month", "expected a month as YYYY-MM"))
}

/// Whether the caller may.
fn may(context: &Context<'_>, action: &str, at: Owner, facts: &Facts) -> async_graphql::Result<bool> {
    Ok(access::may(context.data::<Caller>()?, action, at, facts))
}

/// Who asks, as recusals know them.
fn asker(context: &Context<'_>) -> async_graphql::Result<LoginName> {
    let caller = context.data::<Caller>()?;
    Ok(context.data::<Client>()?.login(&caller.issuer, &caller.subject))
}

fn up_to_100(first: i32) -> async_graphql::Result<i64> {
    if (1..=READINGS).contains(&first) { Ok(first.into()) } else { Err(bad_input("first", "expected 1 to 100")) }
}

/// Reads as the caller, once the views of the domain log that `work` reads show what the request's token stands for.
async fn read<T: Send + 'static>(
    context: &Context<'_>,
    views: &[&'static str],
    work: impl for<'c> FnOnce(&'c mut sqlx::PgConnection) -> futures_util::future::BoxFuture<'c, Result<T, sqlx::Error>>
    + Send
    + 'static,
) -> async_graphql::Result<T> {
    let (pool, scopes) = reader(context, views).await?;
    tenant::read(pool, scopes, work).await.map_err(|error| internal(&error))
}

/// How many lists of what was done for matters a request looked through.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListsOfMatters(Arc<AtomicU32>);

impl ListsOfMatters {
    pub(crate) fn number(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The same of what was done for matters: of those that the caller may know of, which `work` is told. How many others there are
/// to pass over, neither the time that it takes tells nor that of the whole answer ([`ListsOfMatters`]), whatever else is in that.
async fn read_of_matters<T: Send + 'static>(
    context: &Context<'_>,
    views: &[&'static str],
    work: impl for<'c> FnOnce(
        &'c mut sqlx::PgConnection,
        Vec<MatterId>,
    ) -> futures_util::future::BoxFuture<'c, Result<T, sqlx::Error>>
    + Send
    + 'static,
) -> async_graphql::Result<T> {
    let (pool, scopes) = reader(context, views).await?;
    if let Some(lists) = context.data_opt::<ListsOfMatters>() {
        lists.0.fetch_add(1, Ordering::Relaxed);
    }
    let (began, asker) = (Instant::now(), asker(context)?);
    let read = tenant::read_of_matters(pool, scopes, asker, work).await;
    steps::whole(began, 1).await;
    read.map_err(|error| internal(&error))
}

/// By what the caller reads, and what; once the views have come as far as the request's token.
async fn reader<'c>(context: &Context<'c>, views: &[&'static str]) -> async_graphql::Result<(&'c PgPool, Scopes)> {
    let readers = context.data::<Readers>()?;
    if let Some(after) = context.data_opt::<After>() {
        after.wait(readers.own(), views).await?;
    }
    let scopes = context.data::<Caller>()?.roles.scopes();
    Ok((readers.of(&scopes), scopes))
}
