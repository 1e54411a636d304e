-- The telemetry log's Postgres home: one record per accepted batch of filter events. Offsets are dense within a
-- partition and follow commit order, as in the domain log; there is no expected version and no hash chain.
SET LOCAL ROLE wardlog_owner;

-- The permanent row of a batch: what was answered, and enough to answer the same again.
CREATE TABLE telemetry.batch (
    partition    smallint NOT NULL,
    "offset"     bigint NOT NULL CHECK ("offset" > 0),
    school_id    uuid NOT NULL,
    source_id    uuid NOT NULL,
    batch_id     text COLLATE "C" NOT NULL CHECK (length(batch_id) BETWEEN 1 AND 128),
    received_at  timestamptz NOT NULL,
    day          date NOT NULL,
    digest       bytea NOT NULL CHECK (length(digest) = 32),
    accepted     integer NOT NULL CHECK (accepted >= 0),
    rejected     jsonb NOT NULL,
    PRIMARY KEY (partition, "offset"),
    UNIQUE (source_id, batch_id)
);

-- What a school's filters sent on a day: what is given to whoever asks what is held about them.
CREATE INDEX ON telemetry.batch (school_id, day);

-- The quarantine: a school's batches of which some line could not be read, the latest first.
CREATE INDEX ON telemetry.batch (school_id, received_at DESC) WHERE rejected <> '[]'::jsonb;

-- A batch's events, compressed, in slices of at most 256 KiB; dropped by the day.
CREATE TABLE telemetry.payload (
    day        date NOT NULL,
    partition  smallint NOT NULL,
    "offset"   bigint NOT NULL,
    slice      smallint NOT NULL,
    data       bytea NOT NULL CHECK (length(data) <= 262144),
    PRIMARY KEY (partition, "offset", slice, day)
) PARTITION BY RANGE (day);
ALTER TABLE telemetry.payload ALTER COLUMN data SET STORAGE EXTERNAL;

-- A table that the counts keep by the day (seen, flagged_event), of every generation; p_kept: also of one that is kept to
-- go back to.
CREATE FUNCTION telemetry.tables_by_day(p_name text, p_kept boolean DEFAULT true) RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_regclass(log.generation_schema(g.view, g.generation) || '.' || p_name) FROM log.generation g
    WHERE g.view = 'filtering.counts' AND (g.state IN ('shown', 'building') OR g.state = 'kept' AND p_kept)
$$;

-- Makes the day partitions of p_parent from p_from to p_to where they are missing.
CREATE FUNCTION telemetry.make_days_of(p_parent regclass, p_from date, p_to date) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made date;
    child text;
BEGIN
    FOR made IN SELECT p_from + n FROM generate_series(0, p_to - p_from) n LOOP
        child := p_parent || to_char(made, '_YYYYMMDD');
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %s PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', child, p_parent, made, made + 1);
        END IF;
    END LOOP;
END
$$;

-- An hour's try that meets a long reader gives up, rather than make every append wait behind it; there are 14 days of
-- tries. Makes the day partitions from the day before p_day to the 14th after it, of payloads and of what the
-- counts keep by the day.
CREATE FUNCTION telemetry.make_days(p_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1465009993, 0);
    PERFORM telemetry.make_days_of(parent, p_day - 1, p_day + 14)
    FROM (SELECT 'telemetry.payload'::regclass UNION ALL SELECT telemetry.tables_by_day('seen')
          UNION ALL SELECT telemetry.tables_by_day('flagged_event')) AS t (parent);
END
$$;

-- Drops whole days: payloads, and the flagged events of them, received more than p_keep_payloads days before the log's
-- latest day, ids seen more than
-- p_keep_seen days before it, those of a generation that is kept to go back to apart; and nothing that a batch needs which
-- the shown generation, or one that somebody is building now, has not counted. Days are the log's own, so that no jump of
-- a clock drops anything. Returns the names dropped.
CREATE FUNCTION telemetry.drop_days(p_keep_payloads integer, p_keep_seen integer) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    child text;
    latest date;
    uncounted date;
BEGIN
    PERFORM pg_advisory_xact_lock(1465009993, 0);
    SELECT max(b.day) INTO latest FROM generate_series(0, 63) p CROSS JOIN LATERAL
        (SELECT day FROM telemetry.batch WHERE partition = p ORDER BY "offset" DESC LIMIT 1) b;
    SELECT min(b.day) INTO uncounted
    FROM log.generation g
    CROSS JOIN generate_series(0, 63) p
    LEFT JOIN log.checkpoint c
        ON c.partition = p AND c.view = CASE g.state WHEN 'shown' THEN g.view ELSE g.view || '@' || g.generation END
    CROSS JOIN LATERAL (SELECT day FROM telemetry.batch WHERE partition = p AND "offset" > coalesce(c."offset", 0)
                        ORDER BY "offset" LIMIT 1) b
    WHERE g.view = 'filtering.counts'
      AND (g.state = 'shown'
           OR g.state = 'building' AND log.is_held(1465009996, g.view)); -- the lock of rebuild.rs
    uncounted := coalesce(uncounted, latest);
    -- Payloads, ids, events: as the projection takes them. Two that lock in one order never wait for one another.
    FOR child IN
        SELECT i.inhrelid::regclass::text
        FROM pg_inherits i
        WHERE ((i.inhparent = 'telemetry.payload'::regclass
                OR i.inhparent IN (SELECT telemetry.tables_by_day('flagged_event')))
               AND to_date(right(i.inhrelid::regclass::text, 8), 'YYYYMMDD') < least(latest - p_keep_payloads, uncounted))
           OR (i.inhparent IN (SELECT telemetry.tables_by_day('seen', p_kept => false))
               AND to_date(right(i.inhrelid::regclass::text, 8), 'YYYYMMDD') < least(latest, uncounted) - p_keep_seen)
        ORDER BY i.inhparent <> 'telemetry.payload'::regclass,
                 i.inhparent IN (SELECT telemetry.tables_by_day('flagged_event')), 1
    LOOP
        EXECUTE format('DROP TABLE %s', child);
        RETURN NEXT child;
    END LOOP;
END
$$;

-- Appends batches, of any schools, in one transaction: parallel arrays give the batches (in p_… order), and the slices,
-- each with the ordinal (from 1) of its batch. Returns a row per batch, by ordinal: its offset, whether it is new, and
-- the digest, answer and counts stored under its id. The partitions' locks are taken in ascending order, each before
-- anything that it protects is read. Its plans are kept by each connection, from a time when the tables may have been small:
-- without sequential scans a kept plan does not grow slow with them.
CREATE FUNCTION telemetry.append(
    p_partition smallint[], p_school uuid[], p_source uuid[], p_batch text[], p_digest bytea[], p_accepted integer[],
    p_rejected jsonb[], p_slice_batch integer[], p_slice smallint[], p_slice_data bytea[]
) RETURNS TABLE (ordinal integer, stored_offset bigint, is_new boolean, stored_digest bytea, stored_accepted integer,
                 stored_rejected jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    locked smallint;
    received timestamptz;
    today date;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append needs READ COMMITTED, not %', upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'WL002';
    END IF;
    FOR locked IN SELECT DISTINCT p FROM unnest(p_partition) p ORDER BY p LOOP
        PERFORM pg_advisory_xact_lock(1465009992, locked);
    END LOOP;
    received := clock_timestamp();
    today := (received AT TIME ZONE 'UTC')::date;

    RETURN QUERY
    WITH incoming AS MATERIALIZED (
        SELECT i.* FROM unnest(p_partition, p_school, p_source, p_batch, p_digest, p_accepted, p_rejected)
            WITH ORDINALITY AS i (partition, school_id, source_id, batch_id, digest, accepted, rejected, ord)
    ), known AS MATERIALIZED (
        SELECT i.ord, b."offset", b.digest, b.accepted, b.rejected
        FROM incoming i JOIN telemetry.batch b USING (source_id, batch_id)
    ), fresh AS MATERIALIZED (
        SELECT DISTINCT ON (i.source_id, i.batch_id) i.*
        FROM incoming i WHERE i.ord NOT IN (SELECT k.ord FROM known k)
        ORDER BY i.source_id, i.batch_id, i.ord
    ), numbered AS MATERIALIZED (
        SELECT f.*, l.last + row_number() OVER (PARTITION BY f.partition ORDER BY f.ord) AS next_offset
        FROM fresh f
        CROSS JOIN LATERAL (SELECT coalesce((SELECT b."offset" FROM telemetry.batch b WHERE b.partition = f.partition
                                             ORDER BY b."offset" DESC LIMIT 1), 0) AS last) l
    ), batches AS (
        INSERT INTO telemetry.batch (partition, "offset", school_id, source_id, batch_id, received_at, day, digest, accepted, rejected)
        SELECT n.partition, n.next_offset, n.school_id, n.source_id, n.batch_id, received, today, n.digest, n.accepted, n.rejected
        FROM numbered n ORDER BY n.partition, n.next_offset
    ), slices AS (
        INSERT INTO telemetry.payload (day, partition, "offset", slice, data)
        SELECT today, n.partition, n.next_offset, s.slice, s.data
        FROM unnest(p_slice_batch, p_slice, p_slice_data) AS s (ord, slice, data) JOIN numbered n ON n.ord = s.ord
    )
    SELECT i.ord::integer, coalesce(n.next_offset, k."offset"), coalesce(n.ord = i.ord, false),
           coalesce(n.digest, k.digest), coalesce(n.accepted, k.accepted), coalesce(n.rejected, k.rejected)
    FROM incoming i
    LEFT JOIN known k ON k.ord = i.ord
    LEFT JOIN numbered n ON n.source_id = i.source_id AND n.batch_id = i.batch_id
    ORDER BY i.ord;
END
$$;

REVOKE ALL ON FUNCTION telemetry.make_days, telemetry.drop_days, telemetry.append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION telemetry.make_days, telemetry.drop_days TO wardlog_projections;
GRANT EXECUTE ON FUNCTION telemetry.append TO wardlog_filtering;

ALTER TABLE telemetry.batch ENABLE ROW LEVEL SECURITY;
ALTER TABLE telemetry.batch FORCE ROW LEVEL SECURITY;
CREATE POLICY log_itself ON telemetry.batch TO wardlog_owner USING (true) WITH CHECK (true);
CREATE POLICY services ON telemetry.batch FOR SELECT TO wardlog_filtering, wardlog_projections USING (true);
CREATE POLICY school_itself ON telemetry.batch FOR SELECT TO wardlog_gateway
    USING (school_id = ANY (published.scope('schools') || published.scope('filters')));
GRANT SELECT ON telemetry.batch TO wardlog_filtering, wardlog_projections, wardlog_gateway;
GRANT SELECT ON telemetry.payload TO wardlog_projections, wardlog_filtering;

RESET ROLE;
