//! What the record says of a caller, on a real PostgreSQL: the roles held today, whose a key is, and whether a matter may be
//! known.

#![expect(clippy::unwrap_used, reason = "a test that cannot do what it is about has failed")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use access::{
    Caller, Exchange, HeldRole, HeldRoles, IngestKey, KeyRing, Roles,
    exchange::GatewaySecret,
    recusal::{matter_stream, may_know},
};
use chrono::{DateTime, NaiveDate};
use database::{Role, connect, scratch};
use eventlog::{Append, Cause, Occurred, Owner, append, join};
use schema::{
    DomainEvent, MatterId, PersonId, Vocabulary,
    people::{LoginLinked, LoginName, LoginUnlinked, PersonEvent, StaffRole, person_stream},
    recusal::{MatterEvent, PersonRecused},
};
use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};
use uuid::Uuid;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn school(n: u128) -> Owner {
    Owner::School(Uuid::from_u128(n).into())
}

fn caller(subject: &str) -> Caller {
    let (subject, issuer) = (subject.parse().unwrap(), "https://id.example".parse().unwrap());
    Caller { subject, issuer, roles: HeldRoles::default(), second_factor: false }
}

/// Somebody who logs in so and holds these roles at schools, each from a day to a day.
async fn person(database: &PgConnectOptions, login: &LoginName, roles: &[(StaffRole, Owner, &str, Option<&str>)]) {
    let mut owner = PgConnection::connect_with(database).await.unwrap();
    let (person, home) = (Uuid::from_u128(rand::random()), Uuid::from_u128(9));
    let known = sqlx::query!(
        "WITH p AS (INSERT INTO directory.person (person_id, school_id, category) VALUES ($1, $2, 'employee'))
         INSERT INTO directory.person_login (person_id, login, school_id) VALUES ($1, $3, $2)",
        person,
        home,
        login.as_str(),
    );
    known.execute(&mut owner).await.unwrap();
    for (role, at, from, to) in roles {
        let (school, trust) = match at {
            Owner::School(id) => (Some(Uuid::from(*id)), None),
            Owner::Trust(id) => (None, Some(Uuid::from(*id))),
        };
        let given = sqlx::query!(
            "INSERT INTO directory.appointment (appointment_id, school_id, trust_id, person_id, role, from_day, to_day)
             VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6)",
            school,
            trust,
            person,
            role.as_str(),
            day(from),
            to.map(day),
        );
        given.execute(&mut owner).await.unwrap();
    }
}

#[tokio::test]
async fn roles_are_those_of_the_day_that_let_anything_be_read_and_are_trusted_for_two_seconds() {
    let database = scratch::database().await;
    let gateway = connect(&database, Role::Gateway, 1).await.unwrap();
    let exchange = Arc::new(Exchange::new(&GatewaySecret::new([1; 32])).unwrap());
    let roles = Roles::new(gateway, Arc::clone(&exchange));
    let (jones, smith) = (caller("jones"), caller("smith"));
    let reads_nothing = |role: &&StaffRole| HeldRole { role: **role, at: school(3) }.scope().is_none();
    let reads_nothing = *StaffRole::ALL.iter().find(reads_nothing).unwrap();
    let trust = Owner::Trust(Uuid::from_u128(4).into());
    let held = [
        (StaffRole::Dsl, school(1), "2026-09-01", Some("2026-11-01")),
        (StaffRole::Governor, school(2), "2026-11-01", None),
        (reads_nothing, school(3), "2026-09-01", None),
        (StaffRole::MatSafeguardingLead, trust, "2026-11-02", None),
    ];
    person(&database, &exchange.login(&jones.issuer, &jones.subject), &held).await;
    person(
        &database,
        &exchange.login(&smith.issuer, &smith.subject),
        &[(StaffRole::Dpo, school(1), "2026-09-01", None)],
    )
    .await;

    let began = Instant::now();
    let of = async |who: &Caller, on: &str, after: u64| {
        let roles = roles.of(who, day(on), began + Duration::from_millis(after)).await.unwrap();
        roles.iter().collect::<Vec<_>>()
    };
    let (dsl, governor) =
        (HeldRole { role: StaffRole::Dsl, at: school(1) }, HeldRole { role: StaffRole::Governor, at: school(2) });
    let lead = HeldRole { role: StaffRole::MatSafeguardingLead, at: trust };
    assert_eq!(of(&jones, "2026-08-31", 0).await, []);
    assert_eq!(of(&jones, "2026-10-31", 0).await, [dsl]);
    assert_eq!(of(&jones, "2026-11-01", 0).await, [governor], "another day is asked for anew");
    assert_eq!(of(&jones, "2026-11-02", 0).await.len(), 2);
    assert!(of(&jones, "2026-11-02", 0).await.contains(&lead));
    assert_eq!(of(&smith, "2026-11-02", 0).await, [HeldRole { role: StaffRole::Dpo, at: school(1) }]);
    assert_eq!(of(&caller("nobody"), "2026-11-02", 0).await, []);

    let mut owner = PgConnection::connect_with(&database).await.unwrap();
    sqlx::query!("DELETE FROM directory.person_login").execute(&mut owner).await.unwrap();
    assert_eq!(of(&jones, "2026-11-02", 1_999).await.len(), 2, "remembered");
    assert_eq!(of(&jones, "2026-11-02", 2_000).await, [], "whoever is out is out");
    assert_eq!(of(&jones, "2026-11-02", 1_999).await, [], "and stays so");
}

#[tokio::test]
async fn a_key_lets_in_what_its_filter_sends_and_whatever_is_said_of_it_is_trusted_for_two_seconds() {
    let database = scratch::database().await;
    let ring = KeyRing::new(connect(&database, Role::Filtering, 1).await.unwrap());
    let mut owner = PgConnection::connect_with(&database).await.unwrap();
    let (key, later) = (IngestKey::from_random([1; 32]), IngestKey::from_random([2; 32]));
    let (key_hash, later_hash) = (key.hash(), later.hash());
    let [school, source, key_id, later_id] = [1, 2, 3, 4].map(Uuid::from_u128);
    let began = Instant::now();
    let of = async |key: &IngestKey, after: u64| {
        let header = format!("Bearer {}", key.reveal());
        ring.source_of(&header, began + Duration::from_millis(after)).await.unwrap()
    };
    assert_eq!(of(&key, 0).await, None);
    let known = sqlx::query!(
        "WITH h AS (INSERT INTO log.home (owner_id, partition) VALUES ($1, 5)),
              s AS (INSERT INTO directory.source (source_id, school_id, name, vocabulary) VALUES ($2, $1, 'a filter', 'ut1'))
         INSERT INTO directory.ingest_key (key_id, source_id, school_id, hash, issued_at)
         VALUES ($3, $2, $1, $4, now()), ($5, $2, $1, $6, now())",
        school,
        source,
        key_id,
        key_hash.as_bytes(),
        later_id,
        later_hash.as_bytes(),
    );
    known.execute(&mut owner).await.unwrap();
    assert_eq!(of(&key, 1_999).await, None, "that there was none is remembered");
    let found = of(&key, 2_000).await.unwrap();
    assert_eq!((found.key, found.source, found.school), (key_id.into(), source.into(), school.into()));
    assert_eq!((found.vocabulary, found.partition.number()), (Vocabulary::Ut1, 5));
    assert_eq!(of(&later, 2_000).await.unwrap().key, later_id.into(), "each key is itself");

    sqlx::query!("UPDATE directory.ingest_key SET revoked_at = now()").execute(&mut owner).await.unwrap();
    assert_eq!(of(&key, 3_999).await, Some(found), "remembered");
    assert_eq!(of(&key, 4_000).await, None, "revoked");
    assert_eq!(of(&key, 3_999).await, None, "and stays so");
    assert_eq!(ring.source_of(&key.reveal(), began).await.unwrap(), None, "not as a bearer's");
}

/// A log to which is appended without asking what a command would.
struct Log(PgPool);

impl Log {
    async fn tell<E: DomainEvent + Clone>(&self, owner: Owner, stream: &str, events: &[E]) {
        let cause = Cause {
            command_id: format!("{stream}-{}", Uuid::from_u128(rand::random())).parse().unwrap(),
            actor: "somebody".to_owned(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            traceparent: None,
        };
        let at = "2026-11-20T09:00:00Z".parse().unwrap();
        let events: Vec<_> = events.iter().map(|event| Occurred { at, event: event.clone() }).collect();
        let mut transaction = self.0.begin().await.unwrap();
        join(&mut transaction, owner).await.unwrap();
        let append_to = Append { owner, stream, expected: 0, cause: &cause, events: &events };
        append(&mut transaction, append_to).await.unwrap();
        transaction.commit().await.unwrap();
    }
}

/// R130.
#[tokio::test]
async fn whoever_is_recused_is_so_by_every_login_they_ever_had_and_nobody_knows_of_a_matter_that_there_is_not() {
    let database = scratch::database().await;
    let log = Log(connect(&database, Role::Directory, 2).await.unwrap());
    let (at, trust) = (school(1), Owner::Trust(Uuid::from_u128(2).into()));
    let login = |n: u8| LoginName::from([n; 16]);
    let linked = |n| PersonEvent::LoginLinked(LoginLinked { login: login(n) });
    let unlinked = |n| PersonEvent::LoginUnlinked(LoginUnlinked { login: login(n) });
    let [own, lent, unsaid, free] = [1, 2, 3, 4].map(|n| PersonId::from(Uuid::from_u128(n)));
    log.tell(at, &person_stream(own), &[linked(1), linked(2), unlinked(2)]).await;
    log.tell(trust, &person_stream(lent), &[linked(3)]).await;
    log.tell(at, &person_stream(unsaid), &[linked(4)]).await;
    log.tell(at, &person_stream(free), &[linked(5)]).await;
    let matter = MatterId::from(Uuid::from_u128(7));
    let recused = |person, school, trust| MatterEvent::PersonRecused(PersonRecused { person, school, trust });
    let (Owner::School(school_id), Owner::Trust(trust_id)) = (at, trust) else { panic!("a school and a trust") };
    let all = [recused(own, Some(school_id), None), recused(lent, None, Some(trust_id)), recused(unsaid, None, None)];
    assert_eq!(matter_stream(matter), format!("matter-{matter}"));
    log.tell(at, &matter_stream(matter), &all).await;

    let knows = async |owner, matter, n| {
        may_know(&log.0, owner, matter, String::from(login(n)).parse().unwrap()).await.unwrap()
    };
    assert!(!knows(at, matter, 5).await, "the view of people has not come to this login");
    let mut owner = PgConnection::connect_with(&database).await.unwrap();
    for n in 1..=5 {
        let login = login(n);
        let folded = sqlx::query!(
            "INSERT INTO directory.known_login (person_id, login, linked_by, linked_at)
             VALUES (gen_random_uuid(), $1, 'somebody', now())",
            login.as_str(),
        );
        folded.execute(&mut owner).await.unwrap();
    }
    for n in 1..=4 {
        assert!(!knows(at, matter, n).await, "login {n}");
    }
    assert!(knows(at, matter, 5).await);
    assert!(!knows(at, matter, 6).await, "nobody is known by this login");
    let absent = MatterId::from(Uuid::from_u128(8));
    for n in [1, 5, 6] {
        assert!(!knows(at, absent, n).await, "there is no such matter");
        assert!(!knows(school(9), matter, n).await, "it is another school's");
    }
}

/// What the view of people knows of who logs in as whom.
struct People(PgConnection);

impl People {
    async fn open(database: &PgConnectOptions) -> Self {
        Self(PgConnection::connect_with(database).await.unwrap())
    }

    /// A person of a school or trust, who may have left.
    async fn person(&mut self, n: u128, of: Owner, left_on: Option<&str>) {
        let (school, trust) = match of {
            Owner::School(id) => (Some(Uuid::from(id)), None),
            Owner::Trust(id) => (None, Some(Uuid::from(id))),
        };
        let recorded = sqlx::query!(
            "INSERT INTO directory.person (person_id, school_id, trust_id, category, left_on)
             VALUES ($1, $2, $3, 'employee', $4)",
            Uuid::from_u128(n),
            school,
            trust,
            left_on.map(day),
        );
        recorded.execute(&mut self.0).await.unwrap();
    }

    /// A login of a person, linked by somebody on a day of November.
    async fn link(&mut self, n: u128, login: &str, by: &str, (from, to): (u32, Option<u32>)) {
        let noon = |day: u32| DateTime::parse_from_rfc3339(&format!("2026-11-{day:02}T12:00:00Z")).unwrap();
        let linked = sqlx::query!(
            "INSERT INTO directory.known_login (person_id, login, linked_by, linked_at, unlinked_at) VALUES ($1, $2, $3, $4, $5)",
            Uuid::from_u128(n),
            login,
            by,
            noon(from).to_utc(),
            to.map(|day| noon(day).to_utc()),
        );
        linked.execute(&mut self.0).await.unwrap();
    }
}

/// R130: who is let in by the recused is recused too, and whoever shared a login with them by then; but nobody becomes recused
/// because a recused person links the login by which somebody else goes in and out.
#[tokio::test]
async fn a_login_that_is_somebodys_is_not_recused_by_being_linked_to_somebody_else() {
    let database = scratch::database().await;
    let mut people = People::open(&database).await;
    let (at, elsewhere) = (school(1), school(2));
    let left_on = [(10, "2026-11-09"), (12, "2026-11-14")];
    for n in 1..=16 {
        let of = if n >= 15 { elsewhere } else { at };
        people.person(n, of, left_on.into_iter().find(|(left, _)| *left == n).map(|(_, on)| on)).await;
    }
    for (n, login, by, days) in [
        (1, "recused", "dsl", (1, None)),
        (2, "recused", "dsl", (5, None)),
        (2, "shared-the-record", "dsl", (2, None)),
        (3, "recused", "mallory", (20, None)),
        (3, "mallory", "dsl", (3, None)),
        (4, "let-in-before", "recused", (9, None)),
        (4, "let-in", "recused", (11, None)),
        (5, "let-in-by-whom-they-let-in", "let-in", (12, None)),
        (6, "in-use", "dsl", (2, None)),
        (7, "in-use", "recused", (15, None)),
        (8, "out-of-use", "dsl", (2, Some(3))),
        (9, "out-of-use", "recused", (15, None)),
        (10, "of-a-leaver", "dsl", (2, None)),
        (11, "of-a-leaver", "recused", (15, None)),
        // Whoever is recused takes a login from somebody, or has them leave, and links it anew.
        (12, "of-one-who-is-said-to-have-left", "dsl", (2, None)),
        (11, "of-one-who-is-said-to-have-left", "recused", (15, None)),
        (13, "taken-from-somebody", "dsl", (2, Some(14))),
        (13, "taken-from-somebody", "recused", (15, None)),
        // What another school says of its own records does nothing here, neither for anybody nor against.
        (15, "in-use-elsewhere", "another-dsl", (2, None)),
        (14, "in-use-elsewhere", "recused", (15, None)),
        (16, "recused", "another-dsl", (5, None)),
        (16, "shared-a-record-elsewhere", "another-dsl", (2, None)),
    ] {
        people.link(n, login, by, days).await;
    }
    sqlx::query!(
        "INSERT INTO directory.recusal (matter_id, person_id, school_id, recused_at, recuser)
         VALUES ($1, $2, $3, '2026-11-10T12:00:00Z', 'dsl')",
        Uuid::from_u128(7),
        Uuid::from_u128(1),
        at.id(),
    )
    .execute(&mut people.0)
    .await
    .unwrap();
    let recused = async |people: &mut People, owner: Owner| {
        let logins = sqlx::query_scalar!(
            r#"SELECT DISTINCT login AS "login!" FROM directory.recused_login($1) WHERE login IS NOT NULL ORDER BY 1"#,
            owner.id()
        );
        logins.fetch_all(&mut people.0).await.unwrap()
    };
    let expected = [
        "in-use-elsewhere",
        "let-in",
        "let-in-by-whom-they-let-in",
        "of-a-leaver",
        "out-of-use",
        "recused",
        "shared-the-record",
    ];
    assert_eq!(recused(&mut people, at).await, expected);
    assert!(recused(&mut people, elsewhere).await.is_empty());
}

/// R276: what is known of people elsewhere neither keeps anybody from agreeing nor tells of it.
#[tokio::test]
async fn two_may_agree_unless_they_may_be_one_at_the_school_or_at_its_trust() {
    let database = scratch::database().await;
    let mut people = People::open(&database).await;
    let (at, trust, elsewhere) = (school(1), Owner::Trust(Uuid::from_u128(2).into()), school(3));
    sqlx::query!(
        "INSERT INTO directory.membership (school_id, trust_id, from_day) VALUES ($1, $2, '2026-09-01')",
        at.id(),
        trust.id(),
    )
    .execute(&mut people.0)
    .await
    .unwrap();
    for (n, of) in [(1, at), (2, trust), (3, elsewhere), (4, at)] {
        people.person(n, of, None).await;
    }
    for (n, login, by, days) in [
        (1, "one", "dsl", (1, None)),
        (1, "one-again", "dsl", (1, None)),
        (2, "one", "lead", (1, None)),
        (2, "of-the-trust", "lead", (1, None)),
        (3, "one", "another-dsl", (1, None)),
        (3, "elsewhere-the-same", "another-dsl", (1, None)),
        (3, "elsewhere-let-in", "one", (2, None)),
        (3, "elsewhere-new", "another-dsl", (20, None)),
        (4, "let-in", "one", (2, None)),
        (4, "let-in-by-the-let-in", "let-in", (3, None)),
        (4, "new", "dsl", (20, None)),
        (4, "other", "dsl", (1, None)),
    ] {
        people.link(n, login, by, days).await;
    }
    for (login, may) in [
        ("one", false),
        ("one-again", false),
        ("of-the-trust", false),
        ("let-in", false),
        ("let-in-by-the-let-in", false),
        ("new", false),
        ("other", true),
        ("elsewhere-the-same", true),
        ("elsewhere-let-in", true),
        ("elsewhere-new", true),
        ("nobodys", true),
    ] {
        let agree = sqlx::query_scalar!(
            r#"SELECT published.may_agree($1, $2, 'one', '2026-11-10T12:00:00Z') AS "may!""#,
            at.id(),
            login,
        );
        assert_eq!(agree.fetch_one(&mut people.0).await.unwrap(), may, "{login}");
    }
}
