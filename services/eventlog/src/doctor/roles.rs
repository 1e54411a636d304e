//! Whether the roles can do what they are for, and nothing else (`schema/migrations/0001_roles.sql`).

use sqlx::PgConnection;

use super::{Finding, or_ok};

const ROLES: &str = "roles";
const READER: &str = "the gateway's rights";
const WRITERS: &str = "rights to the logs";
const TRIGGERS: &str = "append-only triggers";
const ROW_LEVEL_SECURITY: &str = "row-level security";

/// What to do about rights that no migration gave.
const REVOKE: &str = "no migration did this: undo it, and find out who did";

/// Roles that are missing, or are more than their grants.
pub(super) async fn attributes(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let roles = sqlx::query!(
        r#"SELECT wanted AS "role!", r.oid IS NULL AS "missing!",
                  concat_ws(', ', CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
                            CASE WHEN r.rolcreatedb THEN 'CREATEDB' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
                            CASE WHEN r.rolreplication THEN 'REPLICATION' END,
                            (SELECT 'a member of ' || string_agg(m.roleid::regrole::text, ', ' ORDER BY 1)
                             FROM pg_auth_members m WHERE m.member = r.oid)) AS "is!"
           FROM unnest(ARRAY['wardlog_owner', 'wardlog_rounding', 'wardlog_directory', 'wardlog_filtering',
                             'wardlog_projections', 'wardlog_gateway', 'wardlog_reviewers']) AS w (wanted)
           LEFT JOIN pg_roles r ON r.rolname = wanted ORDER BY wanted"#
    );
    let roles = roles.fetch_all(connection).await?;
    let count = roles.len();
    let findings = roles.into_iter().filter_map(|row| {
        if row.missing {
            Some(Finding::wrong(
                ROLES,
                format!("{} is not there: migrate a new database and restore into it", row.role),
            ))
        } else if row.is.is_empty() {
            None
        } else {
            Some(Finding::wrong(ROLES, format!("{} is {}: {REVOKE}", row.role, row.is)))
        }
    });
    Ok(or_ok(findings.collect(), ROLES, format!("{count} roles, none with more than its grants")))
}

/// Anything that the roles which face readers could write: a relation, one of its columns, or by another's rights; a
/// function that is not volatile cannot write.
pub(super) async fn reader(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let writable = sqlx::query_scalar!(
        r#"SELECT format('%s can write to %s', r.rolname, c.oid::regclass) AS "can!"
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_roles r ON r.rolname IN ('wardlog_gateway', 'wardlog_reviewers')
           WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
             AND (has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
                  OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE'))
           UNION ALL
           SELECT format('%s can call %s with its owner''s rights', r.rolname, p.oid::regprocedure)
           FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
           JOIN pg_roles r ON r.rolname IN ('wardlog_gateway', 'wardlog_reviewers')
           WHERE p.prosecdef AND p.provolatile = 'v' AND n.nspname NOT LIKE 'pg\_%' AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
           ORDER BY 1"#
    );
    let findings = writable.fetch_all(connection).await?.into_iter();
    let findings = findings.map(|can| Finding::wrong(READER, format!("{can}: {REVOKE}")));
    Ok(or_ok(findings.collect(), READER, "wardlog_gateway and wardlog_reviewers can write nothing"))
}

/// Whoever could write to a log past its functions.
pub(super) async fn writers(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let writers = sqlx::query!(
        r#"WITH kept AS (SELECT c.oid, c.relowner, c.relacl FROM pg_class c
                         WHERE c.oid = ANY (ARRAY['log.event', 'log.skip', 'telemetry.batch', 'telemetry.payload']::regclass[])
                            OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'telemetry.payload'::regclass))
           SELECT oid::regclass::text AS "table!", 'owned by ' || relowner::regrole AS "is!"
           FROM kept WHERE relowner <> 'wardlog_owner'::regrole
           UNION ALL
           SELECT DISTINCT k.oid::regclass::text,
                  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END || ' may ' || a.privilege_type
           FROM kept k
           CROSS JOIN LATERAL (SELECT x.* FROM aclexplode(k.relacl) x
                               UNION ALL
                               SELECT x.* FROM pg_attribute t CROSS JOIN LATERAL aclexplode(t.attacl) x
                               WHERE t.attrelid = k.oid) AS a
           WHERE a.grantee <> k.relowner AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
           ORDER BY 1, 2"#
    );
    let findings = writers.fetch_all(connection).await?.into_iter();
    let findings = findings.map(|row| Finding::wrong(WRITERS, format!("{}: {}: {REVOKE}", row.table, row.is)));
    Ok(or_ok(findings.collect(), WRITERS, "nobody but wardlog_owner writes to a log except through its functions"))
}

/// The triggers that refuse changes: there, enabled, of the right kind, and calling the function that refuses.
pub(super) async fn triggers(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    // tgtype: before (2) each row (1) of UPDATE (16) or DELETE (8); before (2) a statement's TRUNCATE (32).
    let missing = sqlx::query!(
        r#"SELECT kept || '.' || trigger AS "trigger!", t.oid IS NULL AS "missing!", t.tgenabled IN ('D', 'R') AS off
           FROM (VALUES ('log.event', 'event_is_append_only', 27), ('log.event', 'event_is_never_truncated', 34),
                        ('log.skip', 'skip_is_append_only', 27), ('log.skip', 'skip_is_never_truncated', 34))
               AS w (kept, trigger, kind)
           LEFT JOIN pg_trigger t ON t.tgrelid = kept::regclass AND t.tgname = trigger AND t.tgtype = kind
                                 AND t.tgqual IS NULL AND t.tgfoid = 'log.refuse_change()'::regprocedure
           WHERE t.oid IS NULL OR t.tgenabled IN ('D', 'R') ORDER BY 1"#
    );
    let findings = missing.fetch_all(connection).await?.into_iter().map(|row| {
        let state = if row.missing { "is not there as it was made" } else { "is disabled" };
        Finding::wrong(TRIGGERS, format!("{} {state}: rows may have been changed meanwhile; {REVOKE}", row.trigger))
    });
    Ok(or_ok(findings.collect(), TRIGGERS, "4 triggers refuse every change of log.event and log.skip"))
}

/// Tables that the gateway's roles can read without being held to one trust or school.
pub(super) async fn row_level_security(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let tables = sqlx::query!(
        r#"SELECT DISTINCT c.oid::regclass::text AS "table!", c.relrowsecurity AND c.relforcerowsecurity AS "forced!"
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_roles r ON r.rolname IN ('wardlog_gateway', 'wardlog_reviewers')
           WHERE c.relkind IN ('r', 'p', 'm', 'f') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
             AND has_any_column_privilege(r.oid, c.oid, 'SELECT') ORDER BY 1"#
    );
    let tables = tables.fetch_all(connection).await?;
    let unforced = tables.iter().filter(|row| !row.forced).map(|row| {
        Finding::wrong(
            ROW_LEVEL_SECURITY,
            format!("the gateway can read {}, which does not force row-level security: {REVOKE}", row.table),
        )
    });
    let well = format!("forced on all {} tables that the gateway can read", tables.len());
    Ok(or_ok(unforced.collect(), ROW_LEVEL_SECURITY, well))
}

#[cfg(test)]
mod tests {
    use database::scratch;
    use sqlx::{Connection, PgConnection};

    use super::*;
    use crate::doctor::Verdict;

    /// Roles are the whole cluster's, which other tests share: what is changed here is rolled back.
    async fn attributes_after(change: &'static str) -> Finding {
        let mut superuser = PgConnection::connect_with(&scratch::database().await).await.unwrap();
        let mut transaction = superuser.begin().await.unwrap();
        sqlx::raw_sql(change).execute(&mut *transaction).await.unwrap();
        let findings = attributes(&mut transaction).await.unwrap();
        transaction.rollback().await.unwrap();
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.into_iter().next().unwrap()
    }

    #[tokio::test]
    async fn roles_as_they_were_made_are_ok() {
        assert_eq!(attributes_after("SELECT 1").await.verdict, Verdict::Ok);
    }

    #[tokio::test]
    async fn a_role_with_more_than_its_grants_is_wrong() {
        for (change, said) in [
            ("ALTER ROLE wardlog_gateway SUPERUSER", "wardlog_gateway is SUPERUSER"),
            ("ALTER ROLE wardlog_owner BYPASSRLS", "wardlog_owner is BYPASSRLS"),
            ("ALTER ROLE wardlog_rounding CREATEDB CREATEROLE", "wardlog_rounding is CREATEDB, CREATEROLE"),
            ("ALTER ROLE wardlog_filtering REPLICATION", "wardlog_filtering is REPLICATION"),
            ("GRANT wardlog_owner TO wardlog_gateway", "wardlog_gateway is a member of wardlog_owner"),
        ] {
            let found = attributes_after(change).await;
            assert_eq!(found.verdict, Verdict::Wrong, "{change}");
            assert!(found.detail.contains(said), "{change}: {}", found.detail);
        }
    }

    #[tokio::test]
    async fn a_role_that_is_missing_is_wrong() {
        let found = attributes_after("ALTER ROLE wardlog_directory RENAME TO wardlog_elsewhere").await;
        assert_eq!(found.verdict, Verdict::Wrong);
        assert!(found.detail.contains("wardlog_directory is not there"), "{}", found.detail);
    }
}
