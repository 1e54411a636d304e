//! People and their roles, from the command to the view, and who they are, from the seal to the reading.

use std::borrow::Cow;

use chrono::{Days, NaiveDate, TimeDelta};
use directory::{
    PeopleView,
    commands::{
        AmendPerson, Appoint, ChangeLogin, ConfirmForgetting, DiscloseRecord, EndAppointment, PersonRefusal,
        ProposeForgetting, ReadIdentities, ReadingRefusal, RecordLeaving, RecordPerson, RecusalRefusal, Recuse, Shown,
        StaffingRefusal, WithdrawForgetting, destroy_left_over, leave_trust,
    },
    domain::{
        name::Name,
        person::{ForgettingCommand, ForgettingStep, Person, PersonCommand, PersonError},
        reading::ReadingError,
        staffing::StaffingError,
        workplace::Workplace,
    },
    import::people::{ImportedPeople, import_people},
    views::{
        people::{self, dsl_gaps, roles},
        readings,
    },
};
use eventlog::{Cause, CommandError, Origin, Rebuild, Stream};
use schema::{
    AppointmentId, PersonId, SchoolId, TrustId,
    people::{DslGap, ForgettingGround, LoginName, PersonCategory, ReadingPurpose, StaffRole},
};
use sqlx::{PgConnection, PgPool, error::DatabaseError};
use uuid::Uuid;
use vault::Found;
use web::{
    clock,
    command::{CarriedOut, Command, Sent, carry_out},
};

use crate::house::{House, SAMPLE, because, first_day, now};

/// A school of the trust 5143.
const URN: i32 = 130_912;

/// A house with a school of a trust.
struct Staffroom {
    house: House,
    school: SchoolId,
    trust: TrustId,
}

fn every_reading() -> readings::Wanted {
    readings::Wanted { reader: None, person: None, before: None, most: 100 }
}

type Told<C> = Result<CarriedOut<<C as Command>::Answer>, CommandError<<C as Command>::Refusal>>;

impl Staffroom {
    async fn new() -> Self {
        let house = House::new().await;
        house.import(SAMPLE, 0).await;
        let school = house.school(URN).await;
        let trust =
            sqlx::query_scalar!("SELECT trust_id FROM directory_1.membership WHERE school_id = $1", Uuid::from(school));
        let trust = trust.fetch_one(&house.projections).await.unwrap().into();
        Self { house, school, trust }
    }

    fn at(&self) -> Workplace {
        Workplace::School(self.school)
    }

    /// Carries a command out as one of `at`'s.
    async fn tell_at<C: Command>(&self, at: Workplace, id: &str, command: C) -> Told<C> {
        let sent = Sent::new(because(id));
        carry_out(&self.house.means(), at.owner(), command, sent, now()).await
    }

    async fn record_at(&self, at: Workplace, name: &str) -> PersonId {
        let email = Some(format!("{}@school.example", name.replace(' ', ".")).parse().unwrap());
        let (name, category): (Name, _) = (name.parse().unwrap(), PersonCategory::Employee);
        // Whoever sends a command chooses its id, and the log keeps it: no name is to be in it.
        let id = format!("record-{}", name.as_str().len());
        self.tell_at(at, &id, RecordPerson { at, category, name, email }).await.unwrap().answer
    }

    async fn record(&self, name: &str) -> PersonId {
        self.record_at(self.at(), name).await
    }

    async fn appoint(
        &self,
        person: PersonId,
        role: StaffRole,
        days: std::ops::Range<u64>,
        succeeds: bool,
    ) -> Result<AppointmentId, CommandError<StaffingRefusal>> {
        let (from, to) = (day(days.start), (days.end < FOR_EVER).then(|| day(days.end)));
        let command = Appoint { at: self.at(), person, role, from, to, succeeds };
        let id = format!("{person}-{role}-{}", days.start);
        Ok(self.tell_at(self.at(), &id, command).await?.answer)
    }

    async fn read(&self, people: &[PersonId], id: &str) -> Result<Vec<Shown>, CommandError<ReadingRefusal>> {
        let command =
            ReadIdentities { at: self.at(), people: people.to_vec(), purpose: ReadingPurpose::Staffing, matter: None };
        Ok(self.tell_at(self.at(), id, command).await?.answer)
    }

    /// As the gateway's role sees it with one setting of a scope.
    async fn seen(&self, setting: &str, id: Uuid) -> (Vec<people::Person>, Vec<people::Role>, Vec<DslGap>, usize) {
        let mut transaction = self.house.gateway.begin().await.unwrap();
        sqlx::query_scalar!("SELECT set_config($1, $2, true)", setting, id.to_string())
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        let c: &mut PgConnection = &mut transaction;
        let readings = readings::of(c, self.at(), &[], every_reading()).await.unwrap().len();
        (
            people::of(c, self.at()).await.unwrap(),
            roles(c, self.at()).await.unwrap(),
            dsl_gaps(c, self.school).await.unwrap(),
            readings,
        )
    }
}

const FOR_EVER: u64 = 100_000;

fn day(n: u64) -> NaiveDate {
    first_day() + Days::new(n)
}

fn login(n: u8) -> LoginName {
    LoginName::try_from(format!("{n:032x}")).unwrap()
}

fn refused<T: std::fmt::Debug, R: std::fmt::Debug + std::fmt::Display>(told: Result<T, CommandError<R>>) -> R {
    match told {
        Err(CommandError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// How many rows of the whole log and of the views hold a text.
async fn rows_with(pool: &PgPool, text: &str) -> i64 {
    let found = sqlx::query_scalar!(
        r#"SELECT (SELECT count(*) FROM log.event e WHERE position(convert_to($1, 'UTF8') IN e.payload) > 0 OR e::text LIKE '%' || $1 || '%')
                + (SELECT count(*) FROM people_1.person p WHERE p::text LIKE '%' || $1 || '%')
                + (SELECT count(*) FROM people_1.person_login p WHERE p::text LIKE '%' || $1 || '%')
                + (SELECT count(*) FROM people_1.identity_reading p WHERE p::text LIKE '%' || $1 || '%') AS "n!""#,
        text,
    );
    found.fetch_one(pool).await.unwrap()
}

/// R216: the log and the views know a person by an id alone.
#[tokio::test]
async fn who_somebody_is_stands_nowhere_but_sealed_and_is_shown_to_who_reads_it() {
    let room = Staffroom::new().await;
    let (zoe, bo) = (room.record("Zoë Quillfeather").await, room.record("Bo Vantongeren").await);
    let shown = room.read(&[bo, zoe], "read").await.unwrap();
    let names: Vec<_> = shown.iter().map(|shown| shown.identity.as_ref().unwrap().name.as_str()).collect();
    assert_eq!(names, ["Bo Vantongeren", "Zoë Quillfeather"]);
    assert_eq!(shown[0].identity.as_ref().unwrap().email.as_deref(), Some("Bo.Vantongeren@school.example"));
    room.house.catch_up().await;
    for text in ["Quillfeather", "Vantongeren", "school.example"] {
        assert_eq!(rows_with(&room.house.projections, text).await, 0, "{text}");
    }
    assert_ne!(rows_with(&room.house.projections, &zoe.to_string()).await, 0, "the search finds what is there");
}

/// R133.
#[tokio::test]
async fn a_reading_is_recorded_before_anything_is_shown_and_the_school_can_ask_for_it() {
    let room = Staffroom::new().await;
    let person = room.record("Zoë Quillfeather").await;
    room.read(&[person], "read").await.unwrap();
    room.read(&[person], "read").await.unwrap();
    room.house.catch_up().await;
    let mut transaction = room.house.gateway.begin().await.unwrap();
    sqlx::query_scalar!("SELECT set_config('wardlog.schools', $1, true)", room.school.to_string())
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    let told = readings::of(&mut transaction, room.at(), &[], every_reading()).await.unwrap();
    assert_eq!(told.len(), 1, "sent again with its id, it is the same reading");
    assert_eq!((told[0].reader.as_str(), told[0].purpose), ("a-person", ReadingPurpose::Staffing));
    assert_eq!(told[0].people, [Uuid::from(person)]);
}

/// R133: who reads by an id that another has used, or used long ago, is not told as if it were the same reading.
#[tokio::test]
async fn a_reading_is_answered_again_to_its_reader_alone_and_for_a_minute() {
    let room = Staffroom::new().await;
    let person = room.record("Zoë Quillfeather").await;
    let read = async |actor: &str, later: TimeDelta| {
        let cause = Cause { actor: actor.into(), ..because("read") };
        let command =
            ReadIdentities { at: room.at(), people: vec![person], purpose: ReadingPurpose::Staffing, matter: None };
        let sent = Sent::new(cause);
        carry_out(&room.house.means(), room.at().owner(), command, sent, clock::now() + later).await
    };
    assert!(read("a-person", TimeDelta::zero()).await.is_ok());
    assert!(read("a-person", TimeDelta::seconds(50)).await.is_ok());
    let events = room.house.events().await;
    for (actor, later) in [("a-person", TimeDelta::seconds(70)), ("another", TimeDelta::zero())] {
        let again = read(actor, later).await;
        assert!(matches!(again, Err(CommandError::CommandIdReused)), "{actor}: {again:?}");
    }
    assert_eq!(room.house.events().await, events);
}

#[tokio::test]
async fn a_disclosure_is_answered_again_to_its_reader_alone_and_for_a_minute() {
    let room = Staffroom::new().await;
    let (at, person) = (room.at(), room.record("Zoë Quillfeather").await);
    let disclose = async |actor: &str, id: &str, later: TimeDelta| {
        let cause = Cause { actor: actor.into(), ..because(id) };
        let sent = Sent::new(cause);
        let command = DiscloseRecord { at, person };
        carry_out(&room.house.means(), at.owner(), command, sent, clock::now() + later).await
    };
    assert!(disclose("a-person", "disclose", TimeDelta::zero()).await.is_ok());
    assert!(disclose("a-person", "disclose", TimeDelta::seconds(50)).await.is_ok());
    room.read(&[person], "read").await.unwrap();
    let events = room.house.events().await;
    for (actor, id, later) in [("a-person", "disclose", 70), ("another", "disclose", 0), ("a-person", "read", 0)] {
        let again = disclose(actor, id, TimeDelta::seconds(later)).await.map(|done| done.answer.entries.len());
        assert!(matches!(again, Err(CommandError::CommandIdReused)), "{actor} {id}: {again:?}");
    }
    assert_eq!(room.house.events().await, events);
}

#[tokio::test]
async fn an_id_that_came_with_another_name_is_refused() {
    let room = Staffroom::new().await;
    let at = room.at();
    let record = async |name: &str| {
        let (name, category) = (name.parse().unwrap(), PersonCategory::Employee);
        room.tell_at(at, "same", RecordPerson { at, category, name, email: None }).await
    };
    let person = record("Zoë Quillfeather").await.unwrap().answer;
    assert_eq!(record("Zoë Quillfeather").await.unwrap().answer, person);
    assert!(matches!(record("Bo Vantongeren").await, Err(CommandError::CommandIdReused)));
}

/// R013.
#[tokio::test]
async fn a_dsl_leaves_when_their_role_has_an_end_and_not_before() {
    let room = Staffroom::new().await;
    let (at, lead) = (room.at(), Workplace::Trust(room.trust));
    let own = room.record("Zoë Quillfeather").await;
    let lent = room.record_at(lead, "Bo Vantongeren").await;
    let first = room.appoint(own, StaffRole::Dsl, 0..FOR_EVER, false).await.unwrap();
    let leave = |at, person, on| RecordLeaving { at, person, on: day(on) };
    assert_eq!(refused(room.tell_at(at, "l-1", leave(at, own, 30)).await), PersonRefusal::HoldsSoleRole);
    room.tell_at(at, "end", EndAppointment { at, appointment: first, to: day(30) }).await.unwrap();
    room.tell_at(at, "l-2", leave(at, own, 30)).await.unwrap();
    let late = room.appoint(own, StaffRole::OnlineSafetyGovernor, 10..FOR_EVER, false).await;
    assert_eq!(refused(late), StaffingRefusal::LeavesBefore);
    room.appoint(lent, StaffRole::Dsl, 30..FOR_EVER, false).await.unwrap();
    assert_eq!(refused(room.tell_at(lead, "l-3", leave(lead, lent, 60)).await), PersonRefusal::HoldsSoleRole);
}

#[tokio::test]
async fn somebody_unknown_is_not_amended_and_gets_no_key() {
    let room = Staffroom::new().await;
    let (at, category, person) = (room.at(), PersonCategory::Employee, Uuid::from_u128(77).into());
    let amend = AmendPerson { at, person, category, name: "Zoë".parse().unwrap(), email: None };
    assert_eq!(refused(room.tell_at(at, "amend", amend).await), PersonRefusal::Forgotten);
    assert!(room.house.vault.find(room.school.into(), &[person.into()]).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_of_another_school_is_not_shown_and_nothing_is_recorded() {
    let room = Staffroom::new().await;
    let ours = room.record("Zoë Quillfeather").await;
    let trusts = room.record_at(Workplace::Trust(room.trust), "Bo Vantongeren").await;
    let before = room.house.events().await;
    for people in [vec![trusts], vec![ours, trusts], vec![Uuid::from_u128(1).into()]] {
        assert_eq!(refused(room.read(&people, "read").await), ReadingRefusal::PersonUnknown);
    }
    assert_eq!(refused(room.read(&[], "none").await), ReadingRefusal::Reading(ReadingError::People));
    assert_eq!(refused(room.read(&[ours, ours], "twice").await), ReadingRefusal::Reading(ReadingError::People));
    assert_eq!(room.house.events().await, before);
}

#[tokio::test]
async fn what_is_amended_is_what_is_shown() {
    let room = Staffroom::new().await;
    let (at, person) = (room.at(), room.record("Zoë Quillfeather").await);
    let (category, name) = (PersonCategory::Governor, "Zoë Quillfeather-Moss".parse().unwrap());
    room.tell_at(at, "amend", AmendPerson { at, person, category, name, email: None }).await.unwrap();
    let shown = room.read(&[person], "read").await.unwrap().remove(0).identity.unwrap();
    assert_eq!((shown.name.as_str(), shown.email), ("Zoë Quillfeather-Moss", None));
    room.house.catch_up().await;
    let (people, ..) = room.seen("wardlog.schools", room.school.into()).await;
    assert_eq!(people.iter().map(|person| person.category).collect::<Vec<_>>(), [PersonCategory::Governor]);
}

/// With the key what was sealed is forgotten, in every copy of the log; the record that there was somebody stays.
#[tokio::test]
async fn somebody_whose_key_is_destroyed_is_shown_without_a_name_and_is_not_amended() {
    let room = Staffroom::new().await;
    let (gone, stays) = (room.record("Zoë Quillfeather").await, room.record("Bo Vantongeren").await);
    room.house.vault.destroy(room.school.into(), &[gone.into()], &[]).await.unwrap();
    let shown = room.read(&[gone, stays], "read").await.unwrap();
    assert_eq!(shown[0], Shown { person: gone, identity: None });
    assert_eq!(shown[1].identity.as_ref().unwrap().name, "Bo Vantongeren");
    let (at, category) = (room.at(), PersonCategory::Employee);
    let amend = AmendPerson { at, person: gone, category, name: "Zoë".parse().unwrap(), email: None };
    assert_eq!(refused(room.tell_at(at, "amend", amend).await), PersonRefusal::Forgotten);
}

#[tokio::test]
async fn a_person_sent_twice_is_recorded_once() {
    let room = Staffroom::new().await;
    let first = room.record("Zoë Quillfeather").await;
    let events = room.house.events().await;
    assert_eq!(room.record("Zoë Quillfeather").await, first);
    assert_eq!(room.house.events().await, events);
}

/// R013.
#[tokio::test]
async fn a_school_has_one_dsl_and_its_own_staff_see_the_days_without() {
    let room = Staffroom::new().await;
    let (zoe, bo) = (room.record("Zoë Quillfeather").await, room.record("Bo Vantongeren").await);
    let first = room.appoint(zoe, StaffRole::Dsl, 0..FOR_EVER, false).await.unwrap();
    let second = room.appoint(bo, StaffRole::Dsl, 10..FOR_EVER, false).await;
    assert_eq!(refused(second), StaffingRefusal::Staffing(StaffingError::HeldByAnother));
    let second = room.appoint(bo, StaffRole::Dsl, 10..FOR_EVER, true).await.unwrap();
    let end = EndAppointment { at: room.at(), appointment: second, to: day(20) };
    room.tell_at(room.at(), "end", end).await.unwrap();
    room.house.catch_up().await;

    let (people, roles, gaps, _) = room.seen("wardlog.schools", room.school.into()).await;
    assert_eq!(people.len(), 2);
    let held = |id, person, from, to| people::Role {
        appointment_id: Uuid::from(id),
        person,
        role: StaffRole::Dsl,
        from: day(from),
        to: Some(day(to)),
    };
    assert_eq!(roles, [held(first, zoe, 0, 10), held(second, bo, 10, 20)]);
    assert_eq!(gaps, [DslGap { from: day(20), to: None }]);

    room.appoint(zoe, StaffRole::Dsl, 20..FOR_EVER, false).await.unwrap();
    room.house.catch_up().await;
    assert_eq!(room.seen("wardlog.schools", room.school.into()).await.2, []);
}

#[tokio::test]
async fn one_of_the_trusts_people_holds_a_role_at_its_school_and_nobody_of_elsewhere_does() {
    let room = Staffroom::new().await;
    let trusts = room.record_at(Workplace::Trust(room.trust), "Bo Vantongeren").await;
    room.appoint(trusts, StaffRole::IctManager, 0..FOR_EVER, false).await.unwrap();
    let other = room
        .house
        .import(
            "urn,name,la,phase,type,status,trust_uid,trust_name,pupils\n\
        999001,Far School,Kent,Primary,Community school,Open,,,150\n",
            0,
        )
        .await;
    assert_eq!(other.schools_registered, 1);
    let far = Workplace::School(room.house.school(999_001).await);
    let stranger = room.record_at(far, "Zoë Quillfeather").await;
    let refusal = refused(room.appoint(stranger, StaffRole::Teacher, 0..FOR_EVER, false).await);
    assert_eq!(refusal, StaffingRefusal::PersonUnknown);
    let at = far;
    let command = Appoint { at, person: trusts, role: StaffRole::Teacher, from: day(0), to: None, succeeds: false };
    assert_eq!(refused(room.tell_at(at, "far", command).await), StaffingRefusal::PersonUnknown);
}

/// R130: their role may hold still.
#[tokio::test]
async fn one_of_a_former_trusts_people_is_recused_and_nobody_of_elsewhere_is() {
    let room = Staffroom::new().await;
    let (at, matter) = (room.at(), None);
    let trusts = room.record_at(Workplace::Trust(room.trust), "Bo Vantongeren").await;
    let leaves = (room.trust, first_day() + Days::new(3));
    leave_trust(&room.house.directory, room.school, leaves, because("leave"), now()).await.unwrap();
    room.house.catch_up().await;
    assert!(room.tell_at(at, "recuse", Recuse { at, matter, person: trusts }).await.is_ok());
    let nobody = Recuse { at, matter, person: Uuid::from_u128(1).into() };
    assert_eq!(refused(room.tell_at(at, "nobody", nobody).await), RecusalRefusal::PersonUnknown);
}

#[tokio::test]
async fn who_has_left_is_given_no_role_and_no_login() {
    let room = Staffroom::new().await;
    let (at, person) = (room.at(), room.record("Zoë Quillfeather").await);
    let link = |n| ChangeLogin { at, person, login: login(n), linked: true };
    room.tell_at(at, "link", link(1)).await.unwrap();
    room.tell_at(at, "leave", RecordLeaving { at, person, on: day(30) }).await.unwrap();
    room.appoint(person, StaffRole::Teacher, 0..30, false).await.unwrap();
    let late = room.appoint(person, StaffRole::Governor, 30..FOR_EVER, false).await;
    assert_eq!(refused(late), StaffingRefusal::HasLeft);
    assert_eq!(refused(room.tell_at(at, "again", link(2)).await), PersonRefusal::Person(PersonError::HasLeft));
    room.tell_at(at, "unlink", ChangeLogin { linked: false, ..link(1) }).await.unwrap();
    room.house.catch_up().await;
    assert_eq!(rows_with(&room.house.projections, login(1).as_str()).await, 2, "in the log, and no more in the view");
    let (people, ..) = room.seen("wardlog.schools", room.school.into()).await;
    assert_eq!(people[0].left_on, Some(day(30)));
}

#[tokio::test]
async fn row_level_security_alone_shows_people_to_their_own_school_or_trust() {
    let room = Staffroom::new().await;
    let person = room.record("Zoë Quillfeather").await;
    let dsl = room.appoint(person, StaffRole::Dsl, 0..10, false).await.unwrap();
    room.read(&[person], "read").await.unwrap();
    let lead = room.record_at(Workplace::Trust(room.trust), "Bo Vantongeren").await;
    room.house.catch_up().await;
    let own = room.seen("wardlog.schools", room.school.into()).await;
    assert_eq!((own.0.len(), own.1[0].appointment_id, own.2.len(), own.3), (1, dsl.into(), 1, 1));
    let nothing = (vec![], vec![], vec![], 0);
    for (setting, id) in [
        ("wardlog.trusts", room.trust.into()),
        ("wardlog.reviewed_schools", room.school.into()),
        ("wardlog.schools", Uuid::from_u128(1)),
        ("wardlog.schools", room.house.school(131_747).await.into()),
    ] {
        assert_eq!(room.seen(setting, id).await, nothing, "{setting}");
    }
    let mut transaction = room.house.gateway.begin().await.unwrap();
    sqlx::query_scalar!("SELECT set_config('wardlog.trusts', $1, true)", room.trust.to_string())
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    let of_trust = people::of(&mut transaction, Workplace::Trust(room.trust)).await.unwrap();
    assert_eq!(of_trust.iter().map(|person| person.person).collect::<Vec<_>>(), [lead]);
}

#[tokio::test]
async fn the_gateway_cannot_ask_who_logs_in_nor_write() {
    let room = Staffroom::new().await;
    for forbidden in
        ["SELECT * FROM directory.person_login", "DELETE FROM directory.person", "SELECT * FROM keys.data_key"]
    {
        let error = sqlx::raw_sql(forbidden).execute(&room.house.gateway).await.unwrap_err();
        let code = error.as_database_error().and_then(DatabaseError::code).map(Cow::into_owned);
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}");
    }
}

#[tokio::test]
async fn the_view_made_anew_is_the_same() {
    let room = Staffroom::new().await;
    let person = room.record("Zoë Quillfeather").await;
    let role = room.appoint(person, StaffRole::Dsl, 0..10, false).await.unwrap();
    let (at, login) = (room.at(), login(1));
    room.tell_at(at, "link", ChangeLogin { at, person, login, linked: true }).await.unwrap();
    room.tell_at(at, "end", EndAppointment { at, appointment: role, to: day(5) }).await.unwrap();
    room.read(&[person], "read").await.unwrap();
    room.house.catch_up().await;
    let rebuild = Rebuild::begin(&room.house.options, &PeopleView).await.unwrap();
    rebuild.fill(|_| {}).await.unwrap();
    assert_eq!(rebuild.compare().await.unwrap(), []);
    rebuild.take_over().await.unwrap();
}

const STAFF: &str = "name,email,category,role,from\n\
    Zoë Quillfeather,zq@school.example,employee,headteacher,2026-09-01\n\
    Zoë Quillfeather,zq@school.example,employee,dsl,2026-09-01\n\
    Bo Vantongeren,bo@school.example,governor,online-safety-governor,2026-09-01\n\
    Cy Example,cy@school.example,agency,,\n";

impl Staffroom {
    async fn import(&self, file: &str, rehearse: bool) -> ImportedPeople {
        import_people(&self.house.means(), self.at(), file.as_bytes(), now(), rehearse).await.unwrap()
    }

    /// Events, those apart that say that somebody was read.
    async fn changes(&self) -> i64 {
        let changes = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM log.event WHERE type <> 'identities-read'"#);
        changes.fetch_one(&self.house.directory).await.unwrap()
    }
}

/// R031.
#[tokio::test]
async fn a_list_of_staff_is_imported_and_importing_it_again_records_nothing() {
    let room = Staffroom::new().await;
    let before = room.changes().await;
    let expected = ImportedPeople { rows: 4, recorded: 3, given: 3, ..ImportedPeople::default() };
    assert_eq!(room.import(STAFF, true).await, expected, "a rehearsal");
    assert_eq!(room.changes().await, before);
    assert_eq!(room.import(STAFF, false).await, expected);
    room.house.catch_up().await;
    let (people, roles, ..) = room.seen("wardlog.schools", room.school.into()).await;
    assert_eq!((people.len(), roles.len()), (3, 3));
    let changes = room.changes().await;
    assert_eq!(room.import(STAFF, false).await, ImportedPeople { rows: 4, ..ImportedPeople::default() });
    assert_eq!(room.changes().await, changes);

    let amended = STAFF.replace("Bo Vantongeren", "Bo Vantongeren-Li").replace("Cy Example,cy@", "Di Example,di@");
    let expected = ImportedPeople { rows: 4, recorded: 1, amended: 1, absent: 1, ..ImportedPeople::default() };
    assert_eq!(room.import(&amended, false).await, expected);
}

#[tokio::test]
async fn a_row_of_the_list_that_a_rule_refuses_does_not_stop_the_others() {
    let room = Staffroom::new().await;
    room.import(STAFF, false).await;
    let more = "name,email,category,role,from\n\
        Bo Vantongeren,bo@school.example,governor,dsl,2026-10-01\n\
        Di Example,nobody,agency,,\n\
        Ed Example,ed@school.example,volunteer,support-staff,2026-10-01\n";
    let imported = room.import(more, false).await;
    let told: Vec<_> = imported.refused.iter().map(|refused| (refused.line, refused.field)).collect();
    assert_eq!((imported.recorded, imported.given, told), (1, 1, vec![(2, "role"), (3, "email")]));
}

/// R276: a forgetting that was cut short before the key was destroyed is finished, and so is one that a backup undid.
#[tokio::test]
async fn keys_that_are_left_of_people_who_are_forgotten_are_destroyed() {
    let room = Staffroom::new().await;
    let (gone, stays) = (room.record("Zoë Quillfeather").await, room.record("Ann Vantongeren").await);
    let at = room.at();
    room.tell_at(at, "left", RecordLeaving { at, person: gone, on: day(0) }).await.unwrap();
    let ground = ForgettingGround::RecordedInError;
    let sent = |actor: &str, id: &str| {
        let cause = Cause { actor: actor.to_owned(), ..because(id) };
        Sent::new(cause)
    };
    let later = now() + TimeDelta::days(400);
    let means = room.house.means();
    let propose = ProposeForgetting { at, person: gone, ground };
    carry_out(&means, at.owner(), propose, sent("one", "f-1"), later).await.unwrap();
    // The events of a confirmation whose process died before its answer.
    let stream = Stream { owner: at.owner(), name: format!("person-{gone}") };
    let (by, today) = ("two".to_owned(), later.date_naive());
    let confirm = ForgettingCommand { by, today, step: ForgettingStep::Confirm };
    let cause = Cause { actor: "two".to_owned(), ..because("f-2") };
    let command = PersonCommand::Forget(confirm);
    eventlog::execute::<Person, PersonRefusal>(&means.pool, stream, command, later, Origin::Sender(cause))
        .await
        .unwrap();
    room.house.catch_up().await;
    let all = "SELECT key_id, version, wrapped FROM keys.data_key WHERE wrapped IS NOT NULL";
    let backup: Vec<(Uuid, i32, Vec<u8>)> = sqlx::query_as(all).fetch_all(&means.pool).await.unwrap();
    assert_eq!(destroy_left_over(&means.pool, &means.vault).await.unwrap(), 1);
    assert_eq!(destroy_left_over(&means.pool, &means.vault).await.unwrap(), 0, "done once");
    let found = means.vault.find(at.owner().id(), &[gone.into(), stays.into()]).await.unwrap();
    assert!(matches!(found[&gone.into()], Found::Destroyed) && matches!(found[&stays.into()], Found::Key(_)));

    // The whole store is restored from before: nobody opens it, and what was destroyed is destroyed again.
    assert_eq!(backup.len(), 2);
    for (key, version, wrapped) in backup {
        let restore = "UPDATE keys.data_key SET version = $2, wrapped = $3, destroyed_at = NULL WHERE key_id = $1";
        sqlx::query(restore).bind(key).bind(version).bind(wrapped).execute(&means.pool).await.unwrap();
    }
    assert!(means.vault.find(at.owner().id(), &[gone.into()]).await.is_err(), "what wrapped it is gone");
    assert_eq!(destroy_left_over(&means.pool, &means.vault).await.unwrap(), 1, "a backup brought it back");
    let found = means.vault.find(at.owner().id(), &[gone.into()]).await.unwrap();
    assert!(matches!(found[&gone.into()], Found::Destroyed));
}

/// R276: one person who logs in by two names is one, and nobody decides about themselves.
#[tokio::test]
async fn two_logins_of_one_person_are_not_two_people() {
    let room = Staffroom::new().await;
    let (gone, dpo) = (room.record("Zoë Quillfeather").await, room.record("Ann Vantongeren").await);
    let at = room.at();
    let login = |n: u8| LoginName::try_from(format!("{n:032x}")).unwrap();
    for (id, person, n) in [("l-1", dpo, 1), ("l-2", dpo, 2), ("l-3", gone, 3)] {
        room.tell_at(at, id, ChangeLogin { at, person, login: login(n), linked: true }).await.unwrap();
    }
    room.tell_at(at, "left", RecordLeaving { at, person: gone, on: day(0) }).await.unwrap();
    room.house.catch_up().await;
    let later = now() + TimeDelta::days(400);
    let sent = |n: u8, id: &str| {
        let cause = Cause { actor: String::from(login(n)), ..because(id) };
        Sent::new(cause)
    };
    let means = room.house.means();
    let alone = CommandError::Refused(PersonRefusal::Person(PersonError::OneAlone));
    let ground = ForgettingGround::ErasureRequest;
    let propose = |n: u8| {
        carry_out(&means, at.owner(), ProposeForgetting { at, person: gone, ground }, sent(n, &format!("p-{n}")), later)
    };
    let confirm = |n: u8| {
        carry_out(&means, at.owner(), ConfirmForgetting { at, person: gone }, sent(n, &format!("c-{n}")), later)
    };
    assert_eq!(propose(3).await.unwrap_err().to_string(), alone.to_string());
    propose(1).await.unwrap();
    // A login that was taken away was the same person's.
    room.tell_at(at, "l-4", ChangeLogin { at, person: dpo, login: login(1), linked: false }).await.unwrap();
    for n in [1, 2, 3] {
        assert_eq!(confirm(n).await.unwrap_err().to_string(), alone.to_string(), "{n}");
    }
    assert_eq!(confirm(4).await.unwrap().answer, gone);
}

/// R276: nobody makes the second person themselves: by letting them in, or once it was proposed.
#[tokio::test]
async fn whoever_was_let_in_by_the_other_or_since_is_no_second_person() {
    let room = Staffroom::new().await;
    let (gone, at) = (room.record("Zoë Quillfeather").await, room.at());
    room.tell_at(at, "left", RecordLeaving { at, person: gone, on: day(0) }).await.unwrap();
    let login = |n: u8| LoginName::try_from(format!("{n:032x}")).unwrap();
    let sent = |n: u8, id: &str| Sent::new(Cause { actor: String::from(login(n)), ..because(id) });
    let (means, later) = (room.house.means(), now() + TimeDelta::days(400));
    // By the first, the second is let in, and the third by the second; the fourth and the fifth by somebody else.
    let let_in = async |by: u8, n: u8| {
        let person = room.record(&"I".repeat(usize::from(n) + 30)).await;
        let link = ChangeLogin { at, person, login: login(n), linked: true };
        carry_out(&means, at.owner(), link, sent(by, &format!("link-{n}")), now()).await.unwrap();
        room.house.catch_up().await;
    };
    for (by, n) in [(9, 1), (1, 2), (2, 3), (9, 4)] {
        let_in(by, n).await;
    }
    let alone = CommandError::Refused(PersonRefusal::Person(PersonError::OneAlone)).to_string();
    let propose = async |n: u8| {
        let command = ProposeForgetting { at, person: gone, ground: ForgettingGround::ErasureRequest };
        carry_out(&means, at.owner(), command, sent(n, &format!("p-{n}")), later).await.unwrap();
    };
    let confirm = async |n: u8| {
        let command = ConfirmForgetting { at, person: gone };
        carry_out(&means, at.owner(), command, sent(n, &format!("c-{n}")), later).await.map(|done| done.answer)
    };
    propose(3).await;
    for n in [1, 2, 9] {
        assert_eq!(confirm(n).await.unwrap_err().to_string(), alone, "{n} let the third in, or let in who did");
    }
    let withdraw = WithdrawForgetting { at, person: gone };
    carry_out(&means, at.owner(), withdraw, sent(4, "w-4"), later).await.unwrap();
    propose(1).await;
    let_in(8, 5).await;
    for n in [2, 3, 5] {
        assert_eq!(confirm(n).await.unwrap_err().to_string(), alone, "{n} was let in by the first, or since");
    }
    assert_eq!(confirm(4).await.unwrap(), gone);
}

/// R013: who leaves and who is given the DSL's role are two streams, and neither is decided without the other.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_given_the_dsls_role_while_they_are_said_to_leave() {
    let room = Staffroom::new().await;
    let at = room.at();
    for n in 0..20 {
        let person = room.record(&"I".repeat(n + 30)).await;
        let appointed = Appoint { at, person, role: StaffRole::Dsl, from: day(0), to: None, succeeds: false };
        let (left, given) = (format!("left-{n}"), format!("given-{n}"));
        let (left, given) = tokio::join!(
            room.tell_at(at, &left, RecordLeaving { at, person, on: day(30) }),
            room.tell_at(at, &given, appointed)
        );
        assert!(left.is_ok() != given.is_ok(), "{n}: one of both");
        if let Ok(given) = given {
            let ended = EndAppointment { at, appointment: given.answer, to: day(0) };
            room.tell_at(at, &format!("ended-{n}"), ended).await.unwrap();
        }
    }
}
