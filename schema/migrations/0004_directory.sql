-- The directory's views: trusts, schools with their dated URNs and memberships, ingest sources and keys.
-- Days are London days; a period holds from from_day up to, and not including, to_day (NULL: it still holds).
SET LOCAL ROLE wardlog_owner;

CREATE TABLE directory.trust (
    trust_id  uuid PRIMARY KEY,
    uid       text NOT NULL,
    name      text NOT NULL
);
CREATE INDEX ON directory.trust (uid);

CREATE TABLE directory.school (
    school_id        uuid PRIMARY KEY,
    name             text NOT NULL,
    local_authority  text NOT NULL,
    phase            text NOT NULL,
    kind             text NOT NULL,
    status           text NOT NULL,
    pupils           integer CHECK (pupils >= 0)
);

CREATE TABLE directory.school_urn (
    school_id  uuid NOT NULL,
    urn        integer NOT NULL,
    from_day   date NOT NULL,
    to_day     date,
    PRIMARY KEY (school_id, urn)
);
CREATE INDEX ON directory.school_urn (urn);

CREATE TABLE directory.membership (
    school_id  uuid NOT NULL,
    trust_id   uuid NOT NULL,
    from_day   date NOT NULL,
    to_day     date,
    PRIMARY KEY (school_id, trust_id, from_day)
);
CREATE INDEX ON directory.membership (trust_id);

-- One of a school's filters. Its vocabulary says how its category labels are read (schema/categories).
CREATE TABLE directory.source (
    source_id   uuid PRIMARY KEY,
    school_id   uuid NOT NULL,
    name        text NOT NULL,
    vocabulary  text NOT NULL
);
CREATE INDEX ON directory.source (school_id);

-- Only the key's hash is kept; the key itself was shown once.
CREATE TABLE directory.ingest_key (
    key_id      uuid PRIMARY KEY,
    source_id   uuid NOT NULL,
    school_id   uuid NOT NULL,
    hash        bytea NOT NULL CHECK (length(hash) = 32),
    issued_at   timestamptz NOT NULL,
    revoked_at  timestamptz
);
CREATE UNIQUE INDEX ON directory.ingest_key (hash);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['trust', 'school', 'school_urn', 'membership', 'source', 'ingest_key'] LOOP
        EXECUTE format('ALTER TABLE directory.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE directory.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY projection ON directory.%I TO wardlog_projections USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY owning_service ON directory.%I FOR SELECT TO wardlog_directory USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON directory.%I TO wardlog_projections', t);
        EXECUTE format('GRANT SELECT ON directory.%I TO wardlog_directory', t);
    END LOOP;
END
$$;

-- The door reads keys and their sources, and nothing else of the directory.
CREATE POLICY door ON directory.ingest_key FOR SELECT TO wardlog_filtering USING (true);
CREATE POLICY door ON directory.source FOR SELECT TO wardlog_filtering USING (true);
GRANT SELECT ON directory.ingest_key, directory.source TO wardlog_filtering;

-- A reader has one of three scopes, set for its transaction: wardlog.trust (a MAT lead), wardlog.school (a school's own
-- staff, exact figures), wardlog.governed_school (its governors, rounded figures). An unset one reads '' or NULL.
CREATE POLICY trust_itself ON directory.trust FOR SELECT TO wardlog_gateway
    USING (trust_id = nullif(current_setting('wardlog.trust', true), '')::uuid);
CREATE POLICY trust_itself ON directory.membership FOR SELECT TO wardlog_gateway
    USING (trust_id = nullif(current_setting('wardlog.trust', true), '')::uuid);
CREATE POLICY readers ON directory.school FOR SELECT TO wardlog_gateway
    USING (school_id IN (nullif(current_setting('wardlog.school', true), '')::uuid,
                         nullif(current_setting('wardlog.governed_school', true), '')::uuid)
           OR school_id IN (SELECT m.school_id FROM directory.membership m));
CREATE POLICY readers ON directory.school_urn FOR SELECT TO wardlog_gateway
    USING (school_id IN (SELECT s.school_id FROM directory.school s));
GRANT SELECT ON directory.trust, directory.membership, directory.school, directory.school_urn TO wardlog_gateway;

CREATE POLICY rounding ON directory.membership FOR SELECT TO wardlog_rounding USING (true);
GRANT SELECT ON directory.membership TO wardlog_rounding;

RESET ROLE;
