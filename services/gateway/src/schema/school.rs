//! A school, as whoever asks may see it.

use ::web::graphql::bad_input;
use access::Facts;
use async_graphql::{Context, Object, SimpleObject};
use chrono::{Datelike, NaiveDate};
use comparison::{
    figures::{Figures, Precision},
    views::{months, schools},
};
use directory::{
    DirectoryView, PeopleView,
    domain::workplace::Workplace,
    graphql::{DslGap, HeldRole, IdentityReading, Person, Recusal, Source, Substitutes},
    views::{self, ingest_key, readings},
};
use eventlog::{Owner, Projection};
use filtering::{
    graphql as filter,
    views::{Decisions, counts, decisions, flagged, quarantine},
};
use schema::{FlaggedEventId, SchoolId};
use uuid::Uuid;

use super::{
    PEOPLE, READ, READINGS, due_of, may, parse_month, people_of, read, read_of_matters, readings_of, recusals_of,
    substitutes_of, up_to_100,
};

/// The years that can be asked about.
const YEARS: std::ops::Range<i32> = 2000..2100;

/// The most days that one answer shows.
const DAYS: i64 = 366;

/// The most days that one answer shows flagged events of.
const FLAGGED_DAYS: i64 = 31;

/// For how many flagged events a school's are reckoned.
const FLAGGED: usize = 100;

/// A school's month.
#[derive(SimpleObject)]
pub struct SchoolMonth {
    pub(super) school: School,
    /// The month, as `YYYY-MM`.
    pub(super) month: String,
    /// Null when nothing was counted: a silent filter is not a safe school.
    pub(super) figures: Option<Figures>,
}

/// A school as it is now.
#[derive(Debug, Clone)]
pub struct School {
    pub(super) row: schools::School,
}

#[Object]
impl School {
    /// Its id, the same through academy conversions.
    async fn id(&self) -> Uuid {
        self.row.school_id
    }

    /// Its URN in the register.
    async fn urn(&self) -> i32 {
        self.row.urn
    }

    /// Its name in the register.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Its phase of education, in the register's words.
    async fn phase(&self) -> &str {
        &self.row.phase
    }

    /// Its status, in the register's words.
    async fn status(&self) -> &str {
        &self.row.status
    }

    /// Pupils on roll; null where the register does not say.
    async fn pupils(&self) -> Option<i32> {
        self.row.pupils
    }

    /// A month (`YYYY-MM`): exact for the school's safeguarding staff, rounded for whoever reviews it. Null when nothing was
    /// counted, and for anyone else.
    #[graphql(complexity = "READ + child_complexity")]
    async fn month(&self, context: &Context<'_>, month: String) -> async_graphql::Result<Option<Figures>> {
        let month = parse_month(&month)?;
        let school = self.row.school_id;
        let precision = if self.may(context, "read-exact-months")?.is_some() {
            Precision::Exact
        } else if self.may(context, "read-rounded-months")?.is_some() {
            Precision::RoundedTo5
        } else {
            return Ok(None);
        };
        let mut cells = read(context, &[DirectoryView::NAME], move |c| {
            Box::pin(async move { months::of(c, &[school], month, precision).await })
        })
        .await?;
        Ok(cells.remove(&school.into()).map(|cells| Figures::new(cells, precision, self.row.pupils)))
    }

    /// London days from one to another, both included, at most 366; days without requests are absent. Null unless the
    /// caller is of the school's safeguarding staff: figures of a day are too fine to be shown to anyone else.
    #[graphql(complexity = "READ + child_complexity")]
    async fn days(
        &self,
        context: &Context<'_>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> async_graphql::Result<Option<Vec<filter::Day>>> {
        days_in_order(from, to, DAYS)?;
        let Some(school) = self.may(context, "read-days")? else { return Ok(None) };
        let cells = read(context, &[], move |c| Box::pin(counts::days(c, school, from, to))).await?;
        Ok(Some(filter::by_day(cells)))
    }

    /// The school's filters and their keys, by name. Null unless the caller is of the school's safeguarding or technical
    /// staff.
    #[graphql(complexity = "READ + child_complexity")]
    async fn sources(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<Source>>> {
        let Some(school) = self.may(context, "read-sources")? else { return Ok(None) };
        let rows = read(context, &[DirectoryView::NAME], move |c| Box::pin(ingest_key::of_school(c, school))).await?;
        Ok(Some(rows.into_iter().map(Source::from).collect()))
    }

    /// The people who are recorded at the school, with the roles that they hold there. Null unless the caller is of the
    /// school's safeguarding staff, or its DPO.
    #[graphql(complexity = "2 * READ + PEOPLE * child_complexity")]
    async fn people(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<Person>>> {
        let Some(school) = self.may(context, "read-people")? else { return Ok(None) };
        people_of(context, Workplace::School(school)).await.map(Some)
    }

    /// Those of the school's people whose record is due for disposal: six years after they left, and not on
    /// hold. Null unless the caller is of
    /// the school's safeguarding staff, or its DPO.
    #[graphql(complexity = "2 * READ + PEOPLE * child_complexity")]
    async fn due_for_disposal(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<Person>>> {
        let Some(school) = self.may(context, "read-people")? else { return Ok(None) };
        due_of(context, Workplace::School(school)).await.map(Some)
    }

    /// Every role that is, was or will be held at the school, the oldest first, by whomever: people whom its trust lends are
    /// recorded at the trust. Null unless the caller is of the school's safeguarding staff, or its DPO.
    #[graphql(complexity = "READ + PEOPLE * child_complexity")]
    async fn roles(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<HeldRole>>> {
        let Some(school) = self.may(context, "read-roles")? else { return Ok(None) };
        let at = Workplace::School(school);
        let rows = read(context, &[PeopleView::NAME], move |c| Box::pin(views::people::roles(c, at))).await?;
        Ok(Some(rows.into_iter().map(HeldRole::from).collect()))
    }

    /// The days on which the school has no designated safeguarding lead, from the one on which anybody was first given a role there:
    /// past, present and to come. Null unless the caller is of the school's safeguarding staff.
    #[graphql(complexity = "READ + child_complexity")]
    async fn dsl_gaps(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<DslGap>>> {
        let Some(school) = self.may(context, "read-dsl-gaps")? else { return Ok(None) };
        let rows = read(context, &[PeopleView::NAME], move |c| Box::pin(views::people::dsl_gaps(c, school))).await?;
        Ok(Some(rows.into_iter().map(DslGap::from).collect()))
    }

    /// Who was shown who the school's people are, the latest first. Null unless the caller is of the school's safeguarding
    /// staff, or its DPO.
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
        let Some(school) = self.may(context, "read-identity-readings")? else { return Ok(None) };
        readings_of(context, Workplace::School(school), wanted).await.map(Some)
    }

    /// Who is recused from the school's matters, the latest 500; not of those that the caller is recused from. Null unless the
    /// caller is of the school's safeguarding staff, or its DPO.
    #[graphql(complexity = "3 * READ + PEOPLE * child_complexity")]
    async fn recusals(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<Recusal>>> {
        let Some(school) = self.may(context, "read-recusals")? else { return Ok(None) };
        recusals_of(context, Workplace::School(school)).await.map(Some)
    }

    /// Who stands in for the holders of which of the school's roles, when they are recused. Null unless the caller is of the
    /// school's safeguarding staff, or its DPO.
    #[graphql(complexity = "READ + child_complexity")]
    async fn substitutes(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<Substitutes>>> {
        let Some(school) = self.may(context, "read-roles")? else { return Ok(None) };
        substitutes_of(context, Workplace::School(school)).await.map(Some)
    }

    /// The requests of London days, at most 31, that somebody may have to look at, the latest first: not simply let pass by the
    /// filter, or of a category of high concern. Kept for 90 days. Null unless the caller is of the school's safeguarding
    /// staff.
    #[graphql(complexity = "READ + FLAGGED * child_complexity")]
    async fn flagged_events(
        &self,
        context: &Context<'_>,
        from: NaiveDate,
        to: NaiveDate,
        only: Option<filter::FlaggedEventsOnly>,
        #[graphql(desc = "Those before this event, the last that was shown.")] before: Option<Uuid>,
        #[graphql(desc = "How many at most, 1 to 100.", default = 50)] first: i32,
    ) -> async_graphql::Result<Option<Vec<filter::FlaggedEvent>>> {
        days_in_order(from, to, FLAGGED_DAYS)?;
        let (category, user) = only.unwrap_or_default().read()?;
        let before = before.map(FlaggedEventId::from);
        let wanted = flagged::Wanted { from, to, category, user, before, most: up_to_100(first)? };
        let Some(school) = self.may(context, "read-flagged-events")? else { return Ok(None) };
        let rows = read(context, &[], move |c| Box::pin(flagged::latest(c, school, wanted))).await?;
        Ok(Some(rows.into_iter().map(filter::FlaggedEvent::from).collect()))
    }

    /// Who was shown what is sealed of the school's filter events, the latest first: of flagged ones, and of all that is held
    /// of whoever has a name. Null unless the caller is of the school's safeguarding staff, or its DPO.
    #[graphql(complexity = "READ + PEOPLE * child_complexity")]
    async fn flagged_event_openings(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Those by this reader alone, as an opening has it.")] reader: Option<String>,
        #[graphql(desc = "Those of this flagged event alone.")] event_id: Option<Uuid>,
        #[graphql(desc = "Those before this opening, the last that was shown.")] before: Option<Uuid>,
        #[graphql(desc = "How many at most, 1 to 100.", default_with = "READINGS")] first: i32,
    ) -> async_graphql::Result<Option<Vec<filter::FlaggedEventOpening>>> {
        let wanted = decisions::Wanted { reader, event: event_id.map(Into::into), before, most: up_to_100(first)? };
        let Some(school) = self.may(context, "read-openings")? else { return Ok(None) };
        // Whom a matter is kept from, the view of people says.
        let rows = read_of_matters(context, &[Decisions::NAME, PeopleView::NAME], move |c, known| {
            Box::pin(async move { decisions::openings(c, school, &known, wanted).await })
        });
        Ok(Some(rows.await?.into_iter().map(filter::FlaggedEventOpening::from).collect()))
    }

    /// The names that the school's filters sent and that are to be forgotten, must not be, or are. Null unless the caller is of the school's
    /// safeguarding staff, or its DPO.
    #[graphql(complexity = "READ + PEOPLE * child_complexity")]
    async fn name_forgettings(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Option<Vec<filter::NameForgetting>>> {
        let Some(school) = self.may(context, "read-name-forgettings")? else { return Ok(None) };
        let rows = read(context, &[Decisions::NAME], move |c| Box::pin(decisions::forgettings(c, school))).await?;
        Ok(Some(rows.into_iter().map(filter::NameForgetting::from).collect()))
    }

    /// Labels of the school's filters that no category is known for, the most frequent first. Null unless the caller is
    /// of the school's safeguarding or technical staff.
    #[graphql(complexity = "READ + child_complexity")]
    async fn unmapped_labels(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<filter::Unmapped>>> {
        let Some(school) = self.may(context, "read-unmapped-labels")? else { return Ok(None) };
        let rows = read(context, &[], move |c| Box::pin(counts::unmapped(c, school))).await?;
        Ok(Some(rows.into_iter().map(filter::Unmapped::from).collect()))
    }

    /// Lines of the school's filters that could not be read, the latest 100. Null unless the caller is of the school's
    /// safeguarding or technical staff.
    #[graphql(complexity = "READ + child_complexity")]
    async fn quarantine(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<filter::Quarantined>>> {
        let Some(school) = self.may(context, "read-quarantine")? else { return Ok(None) };
        let rows = read(context, &[], move |c| Box::pin(quarantine::latest(c, school))).await?;
        Ok(Some(rows.into_iter().map(filter::Quarantined::from).collect()))
    }
}

impl School {
    /// The school, if the caller may do this there.
    pub(super) fn may(&self, context: &Context<'_>, action: &str) -> async_graphql::Result<Option<SchoolId>> {
        let school = SchoolId::from(self.row.school_id);
        let facts = Facts { trusts: self.row.trusts.iter().copied().map(Into::into).collect(), ..Facts::default() };
        Ok(may(context, action, Owner::School(school), &facts)?.then_some(school))
    }
}

/// Both days are of this century, in order, and no more than `most` with those between.
fn days_in_order(from: NaiveDate, to: NaiveDate, most: i64) -> async_graphql::Result<()> {
    if !(YEARS.contains(&from.year()) && YEARS.contains(&to.year())) {
        return Err(bad_input("from", "expected days of this century"));
    }
    if to < from || (to - from).num_days() >= most {
        let reason = format!("expected a day from `from` to {} days after it", most - 1);
        return Err(bad_input("to", &reason));
    }
    Ok(())
}
