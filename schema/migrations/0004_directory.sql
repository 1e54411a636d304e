-- The directory's view: trusts, schools with their dated URNs and memberships, ingest sources and keys.
-- Days are London days; a period holds from from_day up to, and not including, to_day (NULL: it still holds).
SET LOCAL ROLE wardlog_owner;

-- Makes the tables in the schema that search_path names (log.make_generation).
CREATE FUNCTION log.make_directory() RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
    t text;
BEGIN
    CREATE TABLE trust (
        trust_id  uuid PRIMARY KEY,
        uid       text NOT NULL,
        name      text NOT NULL
    );
    CREATE INDEX ON trust (uid);

    CREATE TABLE school (
        school_id        uuid PRIMARY KEY,
        name             text NOT NULL,
        local_authority  text NOT NULL,
        phase            text NOT NULL,
        kind             text NOT NULL,
        status           text NOT NULL,
        pupils           integer CHECK (pupils >= 0)
    );

    CREATE TABLE school_urn (
        school_id  uuid NOT NULL,
        urn        integer NOT NULL,
        from_day   date NOT NULL,
        to_day     date,
        PRIMARY KEY (school_id, urn)
    );
    CREATE INDEX ON school_urn (urn);

    CREATE TABLE membership (
        school_id  uuid NOT NULL,
        trust_id   uuid NOT NULL,
        from_day   date NOT NULL,
        to_day     date,
        PRIMARY KEY (school_id, trust_id, from_day)
    );
    CREATE INDEX ON membership (trust_id);

    -- One of a school's filters. Its vocabulary says how its category labels are read (schema/categories).
    CREATE TABLE source (
        source_id   uuid PRIMARY KEY,
        school_id   uuid NOT NULL,
        name        text NOT NULL,
        vocabulary  text NOT NULL
    );
    CREATE INDEX ON source (school_id);

    -- Only the key's hash is kept; the key itself was shown once.
    CREATE TABLE ingest_key (
        key_id      uuid PRIMARY KEY,
        source_id   uuid NOT NULL,
        school_id   uuid NOT NULL,
        hash        bytea NOT NULL CHECK (length(hash) = 32),
        issued_at   timestamptz NOT NULL,
        revoked_at  timestamptz
    );
    CREATE UNIQUE INDEX ON ingest_key (hash);

    FOREACH t IN ARRAY ARRAY['trust', 'school', 'school_urn', 'membership', 'source', 'ingest_key'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY projection ON %I TO wardlog_projections USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY owning_service ON %I FOR SELECT TO wardlog_directory USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO wardlog_projections', t);
        EXECUTE format('GRANT SELECT ON %I TO wardlog_directory', t);
    END LOOP;
    GRANT UPDATE ON trust, school, school_urn, membership, ingest_key TO wardlog_projections;

    -- The door reads keys and their sources, and nothing else of the directory.
    CREATE POLICY door ON ingest_key FOR SELECT TO wardlog_filtering USING (true);
    CREATE POLICY door ON source FOR SELECT TO wardlog_filtering USING (true);
    GRANT SELECT ON ingest_key, source TO wardlog_filtering;

    -- A reader sees what its transaction was told (published.scope). What depends on another row is asked row by row: IN
    -- would read the other table whole, for a single school too.
    CREATE POLICY trust_itself ON trust FOR SELECT TO wardlog_gateway, wardlog_reviewers
        USING (trust_id = ANY (published.scope('trusts') || published.scope('people')));
    CREATE POLICY trust_itself ON membership FOR SELECT TO wardlog_gateway, wardlog_reviewers
        USING (trust_id = ANY (published.scope('trusts')));
    CREATE POLICY readers ON school FOR SELECT TO wardlog_gateway, wardlog_reviewers
        USING (school_id = ANY (published.scope('schools') || published.scope('reviewed_schools')
                                || published.scope('filters') || published.scope('people'))
               OR EXISTS (SELECT FROM membership m WHERE m.school_id = school.school_id));
    CREATE POLICY readers ON school_urn FOR SELECT TO wardlog_gateway, wardlog_reviewers
        USING (EXISTS (SELECT FROM school s WHERE s.school_id = school_urn.school_id));
    GRANT SELECT ON trust, membership, school, school_urn TO wardlog_gateway, wardlog_reviewers;

    -- A school's own staff see its filters and their keys, of a key what is no secret.
    CREATE POLICY own_staff ON source FOR SELECT TO wardlog_gateway
        USING (school_id = ANY (published.scope('schools') || published.scope('filters')));
    CREATE POLICY own_staff ON ingest_key FOR SELECT TO wardlog_gateway
        USING (school_id = ANY (published.scope('schools') || published.scope('filters')));
    GRANT SELECT ON source TO wardlog_gateway;
    GRANT SELECT (key_id, source_id, school_id, issued_at, revoked_at) ON ingest_key TO wardlog_gateway;

    -- Whose people may decide something together, published.may_agree says, which runs as the owner.
    CREATE POLICY who_may_agree ON membership FOR SELECT TO wardlog_owner USING (true);
    CREATE POLICY rounding ON membership FOR SELECT TO wardlog_rounding USING (true);
    GRANT SELECT ON membership TO wardlog_rounding;
END
$make$;

-- Lets readers know the tables of a generation as directory.…
CREATE FUNCTION log.show_directory(p_schema text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log.show_table('directory', t, p_schema)
    FROM unnest(ARRAY['trust', 'school', 'school_urn', 'membership', 'source', 'ingest_key']) t;
    EXECUTE format('CREATE OR REPLACE VIEW directory.ingest_key_without_hash WITH (security_invoker = true) AS
                    SELECT key_id, source_id, school_id, issued_at, revoked_at FROM %I.ingest_key', p_schema);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO wardlog_rounding', p_schema); -- to make it, and no longer
    PERFORM log.show_table_for_rounding('membership', p_schema);
    EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM wardlog_rounding', p_schema);
END
$$;

RESET ROLE;

SELECT log.show_generation('directory', log.make_generation('directory'), false);

SET LOCAL ROLE wardlog_owner;
GRANT SELECT, INSERT, UPDATE ON directory.trust, directory.school, directory.school_urn, directory.membership,
    directory.ingest_key TO wardlog_projections;
GRANT INSERT ON directory.source TO wardlog_projections;
GRANT SELECT ON directory.trust, directory.school, directory.school_urn, directory.membership, directory.source,
    directory.ingest_key TO wardlog_directory;
GRANT SELECT ON directory.ingest_key, directory.source TO wardlog_filtering;
GRANT SELECT ON directory.trust, directory.membership, directory.school, directory.school_urn, directory.source,
    directory.ingest_key_without_hash TO wardlog_gateway;
GRANT SELECT ON directory.trust, directory.membership, directory.school, directory.school_urn TO wardlog_reviewers;
RESET ROLE;
