//! The government's register, imported.

use directory::{
    commands::{DirectoryRefusal, change_urn, join_trust},
    domain::school::SchoolError,
    import::{ImportError, Imported, Progress, import},
};
use eventlog::CommandError;

use crate::house::{HEADER, House, SAMPLE, because, first_day, id, now};

#[tokio::test]
async fn the_sample_is_registered_whole() {
    let house = House::new().await;
    let mut seen = vec![];
    let imported =
        import(&house.directory, &house.projections, SAMPLE.as_bytes(), first_day(), now(), &mut id, |progress| {
            seen.push(progress);
        })
        .await
        .unwrap();

    let in_trusts = SAMPLE.lines().skip(1).filter(|line| !line.contains(",,,")).count();
    let expected = Imported {
        rows: 163,
        trusts_registered: 41,
        schools_registered: 163,
        joined: in_trusts,
        ..Imported::default()
    };
    assert_eq!(imported, expected);
    assert_eq!(seen.len(), 163);
    assert_eq!(seen.last(), Some(&Progress { done: 163, total: 163 }));

    let members = sqlx::query!(
        r#"SELECT t.uid, count(*) AS "n!" FROM directory_1.membership m JOIN directory_1.trust t USING (trust_id)
           WHERE m.to_day IS NULL GROUP BY t.uid ORDER BY 2 DESC, 1 LIMIT 5"#
    );
    let members: Vec<_> =
        members.fetch_all(&house.projections).await.unwrap().into_iter().map(|row| (row.uid, row.n)).collect();
    let expected = [("5143", 33), ("3320", 23), ("4076", 15), ("2939", 9), ("16669", 4)];
    assert_eq!(members, expected.map(|(uid, n)| (uid.to_owned(), n)));
}

#[tokio::test]
async fn a_closed_school_is_registered_too() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    let closed = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM published.school_v1 WHERE status = 'Closed'"#);
    let mut owner = sqlx::PgPool::connect_with(house.options.clone()).await.unwrap().acquire().await.unwrap();
    assert_eq!(closed.fetch_one(&mut *owner).await.unwrap(), 1);
}

#[tokio::test]
async fn a_second_import_records_nothing() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    let before = house.events().await;
    let again = house.import(SAMPLE, 30).await;
    assert_eq!(again, Imported { rows: 163, unchanged: 163, ..Imported::default() });
    assert_eq!(house.events().await, before);
}

#[tokio::test]
async fn an_amended_file_records_exactly_what_changed() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    let before = house.events().await;
    let amended = SAMPLE
        // Another number of pupils; a school that joins a trust; one that moves to another; one that leaves its trust.
        .replace("Community school,Open,,,878", "Community school,Open,,,879")
        .replace("103256,Somerville Primary (NC) School,Birmingham,Primary,Community school,Open,,,", "103256,Somerville Primary (NC) School,Birmingham,Primary,Community school,Open,5143,UNITED LEARNING TRUST,")
        .replace("Open,4076,OASIS COMMUNITY LEARNING,741", "Open,5143,UNITED LEARNING TRUST,741")
        .replace("Open,4903,STAR ACADEMIES,606", "Open,,,606")
        // A trust that is renamed, in all of its rows.
        .replace("SUMMIT LEARNING TRUST", "SUMMIT TRUST");
    let imported = house.import(&amended, 30).await;
    let expected = Imported {
        rows: 163,
        trusts_renamed: 1,
        schools_amended: 1,
        joined: 2,
        left: 2,
        unchanged: 159,
        ..Imported::default()
    };
    assert_eq!(imported, expected);
    assert_eq!(house.events().await, before + 6);

    let moved = house.school(135_671).await;
    let periods = sqlx::query!(
        "SELECT trust_id, from_day, to_day FROM directory_1.membership WHERE school_id = $1 ORDER BY from_day",
        uuid::Uuid::from(moved),
    );
    let periods: Vec<_> = periods
        .fetch_all(&house.projections)
        .await
        .unwrap()
        .into_iter()
        .map(|p| (p.trust_id.into(), p.from_day, p.to_day))
        .collect();
    let day = first_day() + chrono::Days::new(30);
    assert_eq!(periods, [(house.trust("4076").await, first_day(), Some(day)), (house.trust("5143").await, day, None)]);
}

#[tokio::test]
async fn a_file_that_takes_a_change_back_is_heard() {
    let house = House::new().await;
    let file = |pupils| format!("{HEADER}\n103217,Ward End,Birmingham,Primary,Community school,Open,,,{pupils}\n");
    for (pupils, expected) in [(1, 0), (2, 1), (1, 1), (2, 1), (2, 0)] {
        assert_eq!(house.import(&file(pupils), 0).await.schools_amended, expected);
    }
}

#[tokio::test]
async fn an_import_that_was_cut_short_is_finished_by_the_next() {
    let house = House::new().await;
    let lines: Vec<_> = SAMPLE.lines().collect();
    // What a crash leaves: events without the views that show them.
    house.import(&lines[..81].join("\n"), 0).await;
    sqlx::raw_sql("UPDATE log.checkpoint SET \"offset\" = 0; TRUNCATE directory_1.trust, directory_1.school, directory_1.school_urn, directory_1.membership")
        .execute(&sqlx::PgPool::connect_with(house.options.clone()).await.unwrap())
        .await
        .unwrap();
    let rest = house.import(SAMPLE, 0).await;
    assert_eq!((rest.schools_registered, rest.unchanged), (83, 80));
    assert_eq!(house.import(SAMPLE, 0).await.unchanged, 163);
}

#[tokio::test]
async fn refused_rows_do_not_stop_the_others() {
    let house = House::new().await;
    let file = format!(
        "\u{feff}{HEADER}\r\n\
         103217,Ward End,Birmingham,Primary,Community school,Open,5143,UNITED LEARNING TRUST,878\r\n\
         103218,St Mary\u{fffd}s,Birmingham,Primary,Community school,Open,,,100\r\n\
         103217,Ward End Again,Birmingham,Primary,Community school,Open,,,878\r\n\
         103219,Last,Birmingham,Primary,Community school,Open,,,\r\n"
    );
    let imported = house.import(&file, 9).await;
    assert_eq!((imported.rows, imported.schools_registered), (4, 2));
    let refused: Vec<_> = imported.refused.iter().map(|refused| (refused.line, refused.field)).collect();
    assert_eq!(refused, [(3, "name"), (4, "urn")]);

    // A file older than the last membership cannot move the school, and says so.
    let older = house.import(&file.replace("5143,UNITED LEARNING TRUST", ","), 8).await;
    let refused: Vec<_> = older.refused.iter().map(|refused| (refused.line, refused.field)).collect();
    assert_eq!(refused, [(2, "trust_uid"), (3, "name"), (4, "urn")]);
    assert_eq!(older.unchanged, 1);
}

#[tokio::test]
async fn a_file_without_the_columns_records_nothing() {
    let house = House::new().await;
    let file = "urn,name\n103217,Ward End\n";
    let outcome =
        import(&house.directory, &house.projections, file.as_bytes(), first_day(), now(), &mut id, |_| {}).await;
    let Err(ImportError::Header { missing }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(missing, ["la", "phase", "type", "status", "trust_uid", "trust_name", "pupils"]);
    assert_eq!(house.events().await, 0);
}

#[tokio::test]
async fn of_two_imports_at_once_one_is_refused() {
    let house = House::new().await;
    let (mut one_id, mut other_id) = (id, id);
    let (pool, projections, file) = (&house.directory, &house.projections, SAMPLE.as_bytes());
    let one = import(pool, projections, file, first_day(), now(), &mut one_id, |_| {});
    let other = import(pool, projections, file, first_day(), now(), &mut other_id, |_| {});
    let (one, other) = tokio::join!(one, other);
    let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!(won.unwrap().schools_registered, 163);
    assert!(matches!(lost, Err(ImportError::AlreadyRunning)));
    assert_eq!(house.import(SAMPLE, 0).await.unchanged, 163);
}

#[tokio::test]
async fn after_an_academy_conversion_both_urns_are_the_same_school() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    let school = house.school(103_217).await;
    let converted = first_day() + chrono::Days::new(60);
    let urn = "149001".parse().unwrap();
    change_urn(&house.directory, school, (urn, converted), because("convert"), now()).await.unwrap();
    house.catch_up().await;
    assert_eq!(house.school(149_001).await, school);

    // The register keeps the row of the old URN, closed, and adds one of the new.
    let old = "103217,Ward End Primary School,Birmingham,Primary,Community school,Closed,,,878";
    let new = "149001,Ward End Academy,Birmingham,Primary,Academy converter,Open,5143,UNITED LEARNING TRUST,878";
    let imported = house.import(&format!("{HEADER}\n{old}\n{new}\n"), 60).await;
    let expected = Imported { rows: 2, schools_amended: 1, joined: 1, former: 1, ..Imported::default() };
    assert_eq!(imported, expected);
}

#[tokio::test]
async fn two_schools_never_share_a_urn() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    let school = house.school(103_217).await;
    let taken = "103256".parse().unwrap();
    let outcome = change_urn(&house.directory, school, (taken, first_day()), because("take"), now()).await;
    assert!(matches!(outcome, Err(CommandError::Refused(DirectoryRefusal::UrnTaken))));
}

#[tokio::test]
async fn of_two_trusts_that_take_a_school_at_once_one_is_refused() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    let school = house.school(103_217).await;
    let (a, b) = (house.trust("5143").await, house.trust("3320").await);
    let (one, other) = tokio::join!(
        join_trust(&house.directory, school, (a, first_day()), because("a"), now()),
        join_trust(&house.directory, school, (b, first_day()), because("b"), now()),
    );
    let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!(won.unwrap().events.len(), 1);
    assert!(matches!(lost, Err(CommandError::Refused(DirectoryRefusal::School(SchoolError::InAnotherTrust)))));
}
