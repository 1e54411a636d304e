//! Another tenant's data does not exist.

use access::{HeldRole, HeldRoles, tenant};
use database::{Logins, Role, connect};
use eventlog::Owner;
use schema::{SchoolId, TrustId, people::StaffRole};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    flagged::an_opening_and_a_proposal,
    people::a_dsl,
    places::{self, At},
    town::{Town, event, this_month},
};

const SCHOOL: &str = "query($id: UUID!) { school(id: $id) { id name month(month: \"2026-11\") { requests } days(from: \"2026-11-01\", to: \"2026-11-02\") { day } } }";
const TRUST: &str = "query($id: UUID!) { trust(id: $id) { id name schools(month: \"2026-11\") { school { name } figures { requests } } } }";

#[tokio::test(flavor = "multi_thread")]
async fn anothers_object_and_an_absent_one_give_the_same_bytes_to_every_role() {
    let town = Town::start().await;
    let key = town.records.filter(100_003).await;
    town.send(&key, "b-1", &[event("gambling", "blocked")]).await;
    let (north, south) = (town.records.trust("11").await, town.records.trust("22").await);
    let (ash, cedar, elm) =
        (town.records.school(100_001).await, town.records.school(100_003).await, town.records.school(100_005).await);
    let absent = Uuid::from_u128(42);
    for role in [HeldRole::mat_lead(north), HeldRole::dsl(ash), HeldRole::governor(ash)] {
        let nothing = town.ask_bytes(role, SCHOOL, json!({ "id": absent })).await;
        for others in [cedar, elm] {
            assert_eq!(town.ask_bytes(role, SCHOOL, json!({ "id": others })).await, nothing, "{role:?}");
        }
        let nothing = town.ask_bytes(role, TRUST, json!({ "id": absent })).await;
        assert_eq!(town.ask_bytes(role, TRUST, json!({ "id": south })).await, nothing, "{role:?}");
    }
    // A school's own staff do not see the trust as such, nor a MAT lead a school of no trust.
    assert_eq!(
        town.ask_bytes(HeldRole::dsl(ash), TRUST, json!({ "id": north })).await,
        town.ask_bytes(HeldRole::dsl(ash), TRUST, json!({ "id": absent })).await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_trust_keeps_the_months_of_its_own_time_and_a_new_one_gets_those_of_its_own() {
    let town = Town::start().await;
    let key = town.records.filter(100_002).await;
    town.send(&key, "b-1", &vec![event("gambling", "blocked"); 5]).await;
    let (north, south) = (town.records.trust("11").await, town.records.trust("22").await);
    let beech = town.records.school(100_002).await;
    let months = async |trust: TrustId| {
        let query = "query($id: UUID!, $month: String!) { trust(id: $id) { schools(month: $month) { school { id } figures { blocks } } } }";
        let seen = town.ask(HeldRole::mat_lead(trust), query, json!({ "id": trust, "month": this_month() })).await;
        let schools = seen["trust"]["schools"].as_array().unwrap().clone();
        schools
            .into_iter()
            .find(|school| school["school"]["id"] == json!(beech))
            .map(|school| school["figures"].clone())
    };
    assert_eq!(months(north).await, Some(json!({ "blocks": 5 })));
    assert_eq!(months(south).await, None);

    // It changes trusts within the month: on the month's last day it is the new one's.
    let moved = crate::town::REGISTER.replace("Open,11,NORTH TRUST,1000", "Open,22,SOUTH TRUST,1000");
    town.records.import_more(&moved, &schema::london_day(web::clock::now()).to_string()).await;
    assert_eq!(months(north).await, None);
    assert_eq!(months(south).await, Some(json!({ "blocks": 5 })));
}

/// Row-level security alone, without the queries' own predicates: every table and view that the gateway can read.
#[tokio::test(flavor = "multi_thread")]
async fn row_level_security_alone_shows_a_reader_its_own_tenant_and_without_a_role_nothing() {
    let town = Town::start().await;
    for urn in [100_001, 100_003] {
        let key = town.records.filter(urn).await;
        let events = [vec![event("gambling", "blocked"); 5], vec![event("Knitting", "allowed")]].concat();
        town.send(&key, "b-1", &events).await;
        let school = town.records.school(urn).await;
        a_dsl(&town, school, &format!("dsl-of-{urn}")).await;
        an_opening_and_a_proposal(&town, school, &key).await;
        substitutes(&town, school).await;
    }
    let (north, ash) = (town.records.trust("11").await, town.records.school(100_001).await);
    let gateway = connect(&town.records.database, Role::Gateway, 1).await.unwrap();
    for table in TABLES {
        let all = schools_in(&gateway, None, table).await;
        assert_eq!(all, Vec::<SchoolId>::new(), "{table} without a role");
    }
    let beech = town.records.school(100_002).await;
    for table in TABLES {
        let own = schools_in(&gateway, Some(HeldRole::dsl(ash)), table).await;
        let others = ["published.membership_v1", "published.filter_month_rounded_v1"];
        let exact = !others.contains(table);
        assert_eq!(own, if exact { vec![ash] } else { vec![] }, "{table} as a DSL");
        let trusts = schools_in(&gateway, Some(HeldRole::mat_lead(north)), table).await;
        let mut members = [ash, beech];
        members.sort();
        match *table {
            "published.filter_month_rounded_v1" => assert_eq!(trusts, [ash], "{table} as a MAT lead"),
            _ if OF_OWN_STAFF.iter().any(|own| table.contains(own)) => {
                assert_eq!(trusts, [], "{table} as a MAT lead");
            }
            _ => assert_eq!(trusts, members, "{table} as a MAT lead"),
        }
        let governed = schools_in(&gateway, Some(HeldRole::governor(ash)), table).await;
        match *table {
            "published.filter_month_rounded_v1" => assert_eq!(governed, [ash], "{table} as a governor"),
            _ if OF_OWN_STAFF.iter().chain(&["membership"]).any(|own| table.contains(own)) => {
                assert_eq!(governed, [], "{table} as a governor");
            }
            _ => assert_eq!(governed, [ash], "{table} as a governor"),
        }
        for (role, seen) in OF_OTHER_STAFF {
            let theirs = schools_in(&gateway, Some(HeldRole { role: *role, at: Owner::School(ash) }), table).await;
            let expected = if seen.contains(table) { vec![ash] } else { vec![] };
            assert_eq!(theirs, expected, "{table} as {role}");
        }
    }
}

/// A login sees the roles of its own person, and a role nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn row_level_security_alone_shows_a_login_its_own_roles() {
    let town = Town::start().await;
    let gateway = connect(&town.records.database, Role::Gateway, 1).await.unwrap();
    let schools = [town.records.school(100_001).await, town.records.school(100_003).await].map(Uuid::from);
    for school in schools {
        a_dsl(&town, school.into(), &format!("dsl-of-{school}")).await;
    }
    for school in schools {
        let login = sqlx::query_scalar!("SELECT login FROM directory.person_login WHERE school_id = $1", school);
        let login = login.fetch_one(&town.records.projections).await.unwrap();
        let mut transaction = gateway.begin().await.unwrap();
        sqlx::query_scalar!("SELECT set_config('wardlog.login', $1, true)", login)
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        for table in ["published.held_role_v1", "published.person_v1", "published.appointment_v1"] {
            let sql = sqlx::AssertSqlSafe(format!("SELECT school_id FROM {table}"));
            let seen: Vec<Uuid> = sqlx::query_scalar(sql).fetch_all(&mut *transaction).await.unwrap();
            assert_eq!(seen, [school], "{table}");
        }
    }
}

/// What a school's own staff alone see, by parts of its name.
const OF_OWN_STAFF: &[&str] = &[
    "filter",
    "telemetry",
    "source",
    "key",
    "person",
    "appointment",
    "dsl_gap",
    "identity_reading",
    "held_role",
    "substitutes",
];

/// What other staff see of their school, by role, and nothing else.
const OF_OTHER_STAFF: &[(StaffRole, &[&str])] = &[
    (
        StaffRole::IctManager,
        &[
            "filtering.unmapped_label",
            "published.issued_key_v1",
            "published.school_v1",
            "published.source_v1",
            "telemetry.batch",
        ],
    ),
    (
        StaffRole::Dpo,
        &[
            "filtering.forgetting",
            "filtering.opening",
            "published.appointment_v1",
            "published.held_role_v1",
            "published.identity_reading_v1",
            "published.person_login_v1",
            "published.person_v1",
            "published.school_v1",
            "published.substitutes_v1",
        ],
    ),
    (StaffRole::Teacher, &[]),
];

/// Everything with a `school_id` that the gateway may select from; the test below finds any that is missing here.
const TABLES: &[&str] = &[
    "filtering.count_hourly",
    "filtering.count_monthly",
    "filtering.flagged_event",
    "filtering.forgetting",
    "filtering.opening",
    "filtering.unmapped_label",
    "published.appointment_v1",
    "published.dsl_gap_v1",
    "published.filter_month_rounded_v1",
    "published.filter_month_v1",
    "published.held_role_v1",
    "published.identity_reading_v1",
    "published.issued_key_v1",
    "published.membership_v1",
    "published.person_login_v1",
    "published.person_v1",
    "published.school_v1",
    "published.source_v1",
    "published.substitutes_v1",
    "telemetry.batch",
];

/// What is shown to whoever asks by a login alone, whatever their roles: the story `recusal` looks at it.
const OF_MATTERS: &[&str] = &["published.recusal_v1"];

/// Somebody who stands in, as the view shows it.
async fn substitutes(town: &Town, school: SchoolId) {
    let (dsl, id) = (HeldRole::dsl(school), json!({ "id": school }));
    let seen = town.ask(dsl, "query($id: UUID!) { school(id: $id) { people { id } } }", id.clone()).await;
    let person = &seen["school"]["people"][0]["id"];
    let input = json!({ "at": { "schoolId": school }, "role": "DSL", "personIds": [person] });
    let named = places::tell(town, At::School(school), "nameSubstitutes", "role", "s-1", input).await;
    let query = "query($id: UUID!) { school(id: $id) { substitutes { role } } }";
    let seen = town.ask_after(dsl, query, id, &named["token"]).await;
    assert_eq!(seen["school"]["substitutes"], json!([{ "role": "DSL" }]));
}

async fn schools_in(gateway: &PgPool, role: Option<HeldRole>, table: &'static str) -> Vec<SchoolId> {
    let sql = format!("SELECT DISTINCT school_id FROM {table} ORDER BY school_id");
    let schools: Vec<Uuid> = match role {
        None => sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(gateway).await.unwrap(),
        Some(role) => tenant::read(gateway, HeldRoles::from(role).scopes(), |c| {
            Box::pin(async move { sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(c).await })
        })
        .await
        .unwrap_or_else(|error: sqlx::Error| panic!("{table}: {error}")),
    };
    schools.into_iter().map(SchoolId::from).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_relation_that_the_gateway_can_read_is_tested_and_every_table_forces_row_level_security() {
    let town = Town::start().await;
    let readable = readable_by(&town, Role::Gateway).await;
    let tested = |name: &str| TABLES.contains(&name) || OF_MATTERS.contains(&name) || name == "published.trust_v1";
    let untested: Vec<_> = readable.iter().filter(|name| !tested(name.as_str())).collect();
    assert!(untested.is_empty(), "{untested:?}");
    let unforced = sqlx::query_scalar!(
        r#"SELECT format('%s.%s', n.nspname, c.relname) AS "name!" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind = 'r' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
             AND (has_any_column_privilege('wardlog_gateway', c.oid, 'SELECT')
                  OR has_any_column_privilege('wardlog_reviewers', c.oid, 'SELECT'))
             AND n.nspname NOT IN ('pg_catalog', 'information_schema')"#
    )
    .fetch_all(&town.records.projections)
    .await
    .unwrap();
    assert_eq!(unforced, Vec::<String>::new());
    let writable = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'v', 'p') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
             AND EXISTS (SELECT FROM unnest(ARRAY['wardlog_gateway', 'wardlog_reviewers']) r
                         WHERE has_table_privilege(r, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
                            OR has_any_column_privilege(r, c.oid, 'INSERT, UPDATE'))"#
    )
    .fetch_one(&town.records.projections)
    .await
    .unwrap();
    assert_eq!(writable, 0, "the gateway can write nothing");
}

/// The relations that a role can select from.
async fn readable_by(town: &Town, role: Role) -> Vec<String> {
    sqlx::query_scalar!(
        r#"SELECT format('%s.%s', n.nspname, c.relname) AS "name!" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'v', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
             AND has_any_column_privilege($1::text, c.oid, 'SELECT') AND has_schema_privilege($1::text, n.oid, 'USAGE')
           ORDER BY 1"#,
        role.as_str(),
    )
    .fetch_all(&town.records.projections)
    .await
    .unwrap()
}

/// What trusts' leads and governors see comes by a login that can be told nothing finer: told that all of a school is its own, and
/// all of its people, it reads rounded figures and the register, and nobody.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_sees_rounded_figures_alone_reads_by_a_login_that_can_read_no_others() {
    let town = Town::start().await;
    let (ash, north) = (town.records.school(100_001).await, town.records.trust("11").await);
    places::known(&town, At::School(ash)).await;
    places::known(&town, At::Trust(north)).await;
    let readable = readable_by(&town, Role::Reviewers).await;
    assert_eq!(
        readable,
        [
            "published.appointment_v1",
            "published.filter_month_rounded_v1",
            "published.identity_reading_v1",
            "published.membership_v1",
            "published.person_login_v1",
            "published.person_v1",
            "published.recusal_v1",
            "published.school_v1",
            "published.substitutes_v1",
            "published.trust_v1",
        ]
    );
    let reviewers = connect(&town.records.database, Role::Reviewers, 1).await.unwrap();
    let everything = [HeldRole::dsl(ash), HeldRole { role: StaffRole::Dpo, at: Owner::School(ash) }];
    let scopes = everything.into_iter().collect::<HeldRoles>().scopes();
    let of_a_school = tenant::read(&reviewers, scopes, |c| {
        Box::pin(async move {
            sqlx::query_scalar!(
                r#"SELECT (SELECT count(*) FROM published.person_v1) + (SELECT count(*) FROM published.person_login_v1)
                          + (SELECT count(*) FROM published.appointment_v1) AS "rows!""#
            )
            .fetch_one(c)
            .await
        })
    });
    let of_a_school: Result<i64, sqlx::Error> = of_a_school.await;
    assert_eq!(of_a_school.unwrap(), 0);
    // It is by this login that they read: without it they are shown nothing, and a school's own staff all the same.
    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    sqlx::raw_sql("REVOKE SELECT ON published.school_v1 FROM wardlog_reviewers").execute(&mut owner).await.unwrap();
    let query = "query($id: UUID!) { school(id: $id) { name } }";
    let id = json!({ "id": ash });
    for role in [HeldRole::governor(ash), HeldRole::mat_lead(north)] {
        let errors = town.errors_after(role, query, id.clone(), &Value::Null).await;
        assert_eq!(errors[0]["extensions"]["code"], "UNAVAILABLE", "{errors}");
    }
    assert!(town.ask(HeldRole::dsl(ash), query, id).await["school"]["name"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roles_own_login_can_become_nothing_else() {
    let town = Town::start().await;
    let logins = Logins::of_their_own(&town.records.database);
    for role in Role::ALL {
        let pool = connect(logins.of(role).unwrap(), role, 1).await.unwrap();
        for other in ["NONE", "wardlog_owner", "wardlog_rounding", "wardlog"] {
            let became = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("SET ROLE {other}"))).execute(&pool).await;
            assert_eq!(became.is_ok(), other == "NONE", "{role:?} as {other}");
            let is = sqlx::query_scalar!(r#"SELECT current_user::text AS "is!""#).fetch_one(&pool).await.unwrap();
            assert_eq!(is, role.as_str(), "{role:?} after SET ROLE {other}");
        }
    }
}
