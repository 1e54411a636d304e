-- Filtering's own tables: pseudonyms (written at the door), and the view folded from the telemetry log.
SET LOCAL ROLE wardlog_owner;

-- A name's pseudonym at one school. name_hash is keyed with a secret held outside the database; the row is the only
-- way from one to the other. sealed is the way back: the name under the pseudonym's own key, NULL where there was no key
-- store when the name was first met.
CREATE TABLE filtering.pseudonym (
    school_id  uuid NOT NULL,
    name_hash  bytea NOT NULL CHECK (length(name_hash) = 32),
    pseudonym  bigint NOT NULL,
    sealed     bytea,
    PRIMARY KEY (school_id, name_hash),
    UNIQUE (school_id, pseudonym)
);

-- Which secret name_hash and the ids' hashes are keyed with, as a fingerprint: a door with another one would give known
-- people new pseudonyms and count known events again, so it does not open.
CREATE TABLE filtering.secret (
    fingerprint  bytea PRIMARY KEY CHECK (length(fingerprint) = 32),
    only_one     boolean NOT NULL DEFAULT true UNIQUE CHECK (only_one)
);

ALTER TABLE filtering.pseudonym ENABLE ROW LEVEL SECURITY;
ALTER TABLE filtering.pseudonym FORCE ROW LEVEL SECURITY;
CREATE POLICY door ON filtering.pseudonym TO wardlog_filtering USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON filtering.pseudonym, filtering.secret TO wardlog_filtering;
GRANT DELETE ON filtering.pseudonym TO wardlog_filtering;

-- Makes the tables of the view filtering.counts in the schema that search_path names (log.make_generation).
CREATE FUNCTION log.make_filtering_counts() RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
    t text;
BEGIN
    -- The ids of events that a source has sent, as 64-bit keyed hashes, by the day on which they arrived.
    CREATE TABLE seen (
        source_id   uuid NOT NULL,
        event_hash  bigint NOT NULL,
        day         date NOT NULL,
        PRIMARY KEY (source_id, event_hash, day)
    ) PARTITION BY RANGE (day);

    -- The events that somebody may have to look at (blocked, warned, overridden, captured, or of high concern), by the day on
    -- which they arrived. Who it was is here by pseudonym; what was asked for beyond the host is in the log, sealed, and found
    -- there by partition, offset, slice and number.
    CREATE TABLE flagged_event (
        event_id    uuid NOT NULL,
        school_id   uuid NOT NULL,
        source_id   uuid NOT NULL,
        day         date NOT NULL,
        at          timestamptz NOT NULL,
        category    text COLLATE "C" NOT NULL,
        action      text COLLATE "C" NOT NULL,
        user_group  text COLLATE "C" NOT NULL,
        host        text NOT NULL,
        user_is     bigint,
        device_is   bigint,
        address_is  bigint,
        is_sealed   boolean NOT NULL,
        partition   smallint NOT NULL,
        "offset"    bigint NOT NULL,
        slice       smallint NOT NULL,
        number      integer NOT NULL,
        PRIMARY KEY (event_id, day)
    ) PARTITION BY RANGE (day);
    CREATE INDEX ON flagged_event (school_id, at, event_id);

    -- What became of a batch, for GET /v1/batches/{id}.
    CREATE TABLE batch_outcome (
        school_id   uuid NOT NULL,
        source_id   uuid NOT NULL,
        batch_id    text COLLATE "C" NOT NULL,
        counted     integer NOT NULL,
        duplicates  integer NOT NULL,
        PRIMARY KEY (source_id, batch_id)
    );

    -- Events by UTC hour (London's offset is whole hours, so London's days are whole hours too).
    CREATE TABLE count_hourly (
        school_id   uuid NOT NULL,
        hour        timestamptz NOT NULL,
        category    text COLLATE "C" NOT NULL,
        action      text COLLATE "C" NOT NULL,
        user_group  text COLLATE "C" NOT NULL,
        events      bigint NOT NULL CHECK (events > 0),
        PRIMARY KEY (school_id, hour, category, action, user_group)
    ) WITH (fillfactor = 70);

    -- The same by London calendar month (its first day).
    CREATE TABLE count_monthly (
        school_id   uuid NOT NULL,
        month       date NOT NULL CHECK (extract(day FROM month) = 1),
        category    text COLLATE "C" NOT NULL,
        action      text COLLATE "C" NOT NULL,
        user_group  text COLLATE "C" NOT NULL,
        events      bigint NOT NULL CHECK (events > 0),
        PRIMARY KEY (school_id, month, category, action, user_group)
    ) WITH (fillfactor = 70);

    -- Category labels that no file in schema/categories maps, in the vocabulary of the source that sent them.
    CREATE TABLE unmapped_label (
        school_id   uuid NOT NULL,
        vocabulary  text COLLATE "C" NOT NULL,
        label       text COLLATE "C" NOT NULL,
        events      bigint NOT NULL CHECK (events > 0),
        PRIMARY KEY (school_id, vocabulary, label)
    );

    FOREACH t IN ARRAY ARRAY['flagged_event', 'batch_outcome', 'count_hourly', 'count_monthly', 'unmapped_label'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY projection ON %I TO wardlog_projections USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO wardlog_projections', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['count_hourly', 'count_monthly', 'unmapped_label'] LOOP
        EXECUTE format('GRANT UPDATE ON %I TO wardlog_projections', t);
        EXECUTE format('CREATE POLICY school_itself ON %I FOR SELECT TO wardlog_gateway
                        USING (school_id = ANY (published.scope(''schools'')))', t);
        EXECUTE format('GRANT SELECT ON %I TO wardlog_gateway', t);
    END LOOP;
    CREATE POLICY technical_staff ON unmapped_label FOR SELECT TO wardlog_gateway
        USING (school_id = ANY (published.scope('filters')));

    CREATE POLICY school_itself ON flagged_event FOR SELECT TO wardlog_gateway
        USING (school_id = ANY (published.scope('schools')));
    GRANT SELECT ON flagged_event TO wardlog_gateway;
    CREATE POLICY service ON flagged_event FOR SELECT TO wardlog_filtering USING (true);
    GRANT SELECT ON flagged_event TO wardlog_filtering;

    CREATE POLICY door ON batch_outcome FOR SELECT TO wardlog_filtering USING (true);
    GRANT SELECT ON batch_outcome TO wardlog_filtering;
    CREATE POLICY rounding ON count_monthly FOR SELECT TO wardlog_rounding USING (true);
    GRANT SELECT ON count_monthly TO wardlog_rounding;
    GRANT SELECT, INSERT ON seen TO wardlog_projections;
    -- A rebuild begins with the first batch whose payload is kept.
    PERFORM telemetry.make_days_of(made.parent, least(min(to_date(right(c.relname, 8), 'YYYYMMDD')), today.day - 1), today.day + 14)
    FROM (VALUES ('seen'::regclass), ('flagged_event'::regclass)) AS made (parent)
    CROSS JOIN (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date) AS today (day)
    LEFT JOIN (pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid) ON i.inhparent = 'telemetry.payload'::regclass
    GROUP BY made.parent, today.day;
END
$make$;

-- Lets readers know the tables of a generation as filtering.…
CREATE FUNCTION log.show_filtering_counts(p_schema text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log.show_table('filtering', t, p_schema)
    FROM unnest(ARRAY['seen', 'flagged_event', 'batch_outcome', 'count_hourly', 'count_monthly', 'unmapped_label']) t;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO wardlog_rounding', p_schema); -- to make it, and no longer
    PERFORM log.show_table_for_rounding('count_monthly', p_schema);
    EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM wardlog_rounding', p_schema);
END
$$;

RESET ROLE;

SELECT log.show_generation('filtering.counts', log.make_generation('filtering.counts'), false);

SET LOCAL ROLE wardlog_owner;
GRANT SELECT, INSERT, UPDATE ON filtering.count_hourly, filtering.count_monthly, filtering.unmapped_label TO wardlog_projections;
GRANT SELECT, INSERT ON filtering.seen TO wardlog_projections;
GRANT INSERT ON filtering.flagged_event TO wardlog_projections;
GRANT SELECT ON filtering.flagged_event TO wardlog_filtering;
GRANT INSERT ON filtering.batch_outcome TO wardlog_projections;
GRANT SELECT ON filtering.batch_outcome TO wardlog_filtering;
GRANT SELECT ON filtering.count_hourly, filtering.count_monthly, filtering.unmapped_label, filtering.flagged_event
    TO wardlog_gateway;
RESET ROLE;

-- The view of what is decided about filter events: who was shown whose requests, when, in which roles, and what for (R133);
-- and which names are to be forgotten, must not be, or are.
SET LOCAL ROLE wardlog_owner;

CREATE FUNCTION log.make_filtering_decisions() RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
    t text;
BEGIN
    CREATE TABLE opening (
        opening_id  uuid PRIMARY KEY,
        school_id   uuid NOT NULL,
        reader      text NOT NULL,
        opened_at   timestamptz NOT NULL,
        roles       text[] NOT NULL,
        purpose     text NOT NULL,
        events      uuid[] NOT NULL,
        name        bigint,             -- of whom all was disclosed that was asked for from an instant to another
        from_at     timestamptz,
        to_at       timestamptz,
        matter_id   uuid,               -- for which it was done, and from which some are recused (R130)
        CHECK (num_nonnulls(name, from_at, to_at) IN (0, 3))
    );
    CREATE INDEX ON opening (school_id, opened_at, opening_id);

    CREATE TABLE forgetting (
        school_id  uuid NOT NULL,
        pseudonym  bigint NOT NULL,
        ground     text,                -- why it is proposed, or was, and who said so
        proposer   text,
        hold       text,                -- why it must not be (R276)
        forgotten  boolean NOT NULL DEFAULT false,
        PRIMARY KEY (school_id, pseudonym),
        CHECK (num_nonnulls(ground, hold) = 1)
    );
    CREATE INDEX ON forgetting (school_id) WHERE forgotten;

    FOREACH t IN ARRAY ARRAY['opening', 'forgetting'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY projection ON %I TO wardlog_projections USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO wardlog_projections', t);
        EXECUTE format($policy$CREATE POLICY own_people ON %I FOR SELECT TO wardlog_gateway
            USING (school_id = ANY (published.scope('schools') || published.scope('people')))$policy$, t);
        EXECUTE format('GRANT SELECT ON %I TO wardlog_gateway', t);
    END LOOP;
    -- No policy that permits gives back what this one takes.
    CREATE POLICY not_recused ON opening AS RESTRICTIVE FOR SELECT TO wardlog_gateway
        USING (matter_id IS NULL OR matter_id = ANY (published.scope('matters')));
    GRANT UPDATE, DELETE ON forgetting TO wardlog_projections;

    -- The service asks who was shown what of a name that it discloses: not what was done for a matter.
    CREATE POLICY service ON opening FOR SELECT TO wardlog_filtering USING (matter_id IS NULL);
    GRANT SELECT ON opening TO wardlog_filtering;

    -- The service asks which are forgotten.
    CREATE POLICY service ON forgetting FOR SELECT TO wardlog_filtering USING (forgotten);
    GRANT SELECT ON forgetting TO wardlog_filtering;
END
$make$;

CREATE FUNCTION log.show_filtering_decisions(p_schema text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log.show_table('filtering', t, p_schema) FROM unnest(ARRAY['opening', 'forgetting']) t;
END
$$;

RESET ROLE;

SELECT log.show_generation('filtering.decisions', log.make_generation('filtering.decisions'), false);

SET LOCAL ROLE wardlog_owner;
GRANT INSERT ON filtering.opening TO wardlog_projections;
GRANT SELECT, INSERT, UPDATE, DELETE ON filtering.forgetting TO wardlog_projections;
GRANT SELECT ON filtering.opening, filtering.forgetting TO wardlog_filtering;
GRANT SELECT ON filtering.opening, filtering.forgetting TO wardlog_gateway;
RESET ROLE;
