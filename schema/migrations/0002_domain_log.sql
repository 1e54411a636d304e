-- The domain log: everything decided, append-only. Offsets are dense within a partition and follow commit order.
SET LOCAL ROLE wardlog_owner;

-- Which partition an owner's (a school's or a trust's) streams live in, recorded when it joins.
CREATE TABLE log.home (
    owner_id   uuid PRIMARY KEY,
    partition  smallint NOT NULL CHECK (partition BETWEEN 0 AND 63),
    joined_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE log.event (
    partition      smallint NOT NULL,
    "offset"       bigint NOT NULL CHECK ("offset" > 0),
    owner_id       uuid NOT NULL, -- of log.home: log.append looks it up; a foreign key would look again, and lock its row
    trust_id       uuid,
    school_id      uuid,
    stream         text COLLATE "C" NOT NULL CHECK (length(stream) BETWEEN 1 AND 128),
    version        bigint NOT NULL CHECK (version > 0),
    type           text COLLATE "C" NOT NULL,
    type_version   smallint NOT NULL CHECK (type_version > 0),
    actor          text NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    command_id     text COLLATE "C" NOT NULL CHECK (length(command_id) BETWEEN 1 AND 128),
    command_event  smallint NOT NULL,
    correlation_id uuid NOT NULL,
    causation_id   uuid,
    traceparent    text,
    previous_hash  bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash           bytea NOT NULL CHECK (length(hash) = 32),
    payload        bytea NOT NULL,
    PRIMARY KEY (partition, "offset"),
    UNIQUE (partition, stream, version),
    UNIQUE (owner_id, command_id, command_event)
);

CREATE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on %.% is refused', tg_op, tg_table_schema, tg_table_name
        USING ERRCODE = 'WL001';
END
$$;

CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE ON log.event
    FOR EACH ROW EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER event_is_never_truncated BEFORE TRUNCATE ON log.event
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- An owner's partition, given on its first call and the same ever after. The hash spreads owners evenly; what is
-- recorded decides, so that the number of partitions can grow.
CREATE FUNCTION log.join(p_owner uuid) RETURNS smallint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found smallint;
BEGIN
    INSERT INTO log.home (owner_id, partition)
    VALUES (p_owner, (hashtextextended(p_owner::text, 0) & 63)::smallint)
    ON CONFLICT (owner_id) DO NOTHING;
    SELECT h.partition INTO STRICT found FROM log.home h WHERE h.owner_id = p_owner;
    RETURN found;
END
$$;

-- What an event's hash covers: the hash before it in its stream, its header, its payload's bytes. The header is, a line
-- each: owner, version, type version, instants (microseconds since 1970), and the length in bytes and the text of
-- stream, type, actor and command id, so that a stranger can compute it too and no text can pass for two.
CREATE FUNCTION log.event_hash(
    p_previous bytea, p_owner uuid, p_stream text, p_version bigint, p_type text, p_type_version smallint, p_actor text,
    p_occurred timestamptz, p_recorded timestamptz, p_command text, p_payload bytea
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$ -- STABLE as concat_ws is: else no caller could inline it
    SELECT sha256(p_previous
        || convert_to(concat_ws(E'\n', p_owner, p_version, p_type_version,
               (extract(epoch FROM p_occurred) * 1000000)::bigint, (extract(epoch FROM p_recorded) * 1000000)::bigint,
               octet_length(p_stream), p_stream, octet_length(p_type), p_type, octet_length(p_actor), p_actor,
               octet_length(p_command), p_command) || E'\n', 'UTF8')
        || p_payload)
$$;

-- Appends one command's events to one stream. Returns one row:
--   outcome 'appended' | 'replayed' (this command id is stored already: what it stored comes back)
--         | 'conflict' (version is the stream's actual one) | 'command_id_reused' (by another stream).
-- Each statement of this function sees a fresh snapshot under READ COMMITTED, so what is read after the lock is what
-- the lock protects. Under any stricter level the snapshot would be older than the lock; that is refused.
-- What costs here is the number of statements, so all that is read under the lock is read by one.
CREATE FUNCTION log.append(
    p_owner uuid, p_trust uuid, p_school uuid, p_stream text, p_expected bigint, p_actor text, p_command text,
    p_correlation uuid, p_causation uuid, p_traceparent text,
    p_types text[], p_type_versions smallint[], p_occurred timestamptz[], p_payloads bytea[],
    OUT outcome text, OUT home smallint, OUT last_offset bigint, OUT last_version bigint, OUT recorded timestamptz
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stored record;
    at_hash bytea;
    new_hash bytea;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append needs READ COMMITTED, not %', upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'WL002';
    END IF;

    SELECT h.partition INTO home FROM log.home h WHERE h.owner_id = p_owner;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'owner % has not joined the log', p_owner USING ERRCODE = 'WL003';
    END IF;

    PERFORM pg_advisory_xact_lock(1465009991, home);

    SELECT command.stream, command."offset", command.version, command.recorded_at,
           coalesce(head.version, 0) AS head_version, coalesce(head.hash, decode(repeat('00', 32), 'hex')) AS head_hash,
           coalesce(tail."offset", 0) AS tail_offset, greatest(tail.recorded_at, clock_timestamp()) AS now
    INTO stored
    FROM (VALUES (1)) AS one
    LEFT JOIN LATERAL (SELECT e.stream, e."offset", e.version, e.recorded_at FROM log.event e
                       WHERE e.owner_id = p_owner AND e.command_id = p_command
                       ORDER BY e.command_event DESC LIMIT 1) AS command ON true
    LEFT JOIN LATERAL (SELECT e.version, e.hash FROM log.event e
                       WHERE e.partition = home AND e.stream = p_stream
                       ORDER BY e.version DESC LIMIT 1) AS head ON true
    LEFT JOIN LATERAL (SELECT e."offset", e.recorded_at FROM log.event e
                       WHERE e.partition = home
                       ORDER BY e."offset" DESC LIMIT 1) AS tail ON true;
    IF stored.stream IS NOT NULL THEN
        outcome := CASE WHEN stored.stream = p_stream THEN 'replayed' ELSE 'command_id_reused' END;
        last_offset := stored."offset";
        last_version := stored.version;
        recorded := stored.recorded_at;
        RETURN;
    END IF;
    IF stored.head_version <> p_expected THEN
        outcome := 'conflict';
        last_version := stored.head_version;
        RETURN;
    END IF;

    recorded := stored.now;
    at_hash := stored.head_hash;
    FOR i IN 1 .. cardinality(p_types) LOOP
        new_hash := log.event_hash(at_hash, p_owner, p_stream, p_expected + i, p_types[i], p_type_versions[i], p_actor,
                                   p_occurred[i], recorded, p_command, p_payloads[i]);
        INSERT INTO log.event (partition, "offset", owner_id, trust_id, school_id, stream, version, type, type_version,
                               actor, occurred_at, recorded_at, command_id, command_event, correlation_id, causation_id,
                               traceparent, previous_hash, hash, payload)
        VALUES (home, stored.tail_offset + i, p_owner, p_trust, p_school, p_stream, p_expected + i, p_types[i],
                p_type_versions[i], p_actor, p_occurred[i], recorded, p_command, i, p_correlation, p_causation,
                p_traceparent, at_hash, new_hash, p_payloads[i]);
        at_hash := new_hash;
    END LOOP;
    outcome := 'appended';
    last_offset := stored.tail_offset + cardinality(p_types);
    last_version := p_expected + cardinality(p_types);
END
$$;

REVOKE ALL ON FUNCTION log.join, log.append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.join, log.append TO wardlog_directory;
GRANT SELECT ON log.event, log.home TO wardlog_directory, wardlog_projections;
GRANT SELECT ON log.home TO wardlog_filtering;

-- How far a view has folded a log's partition, and who folds it now. Moved in the view's own transaction, from the
-- offset that was read and in the epoch that it was leased in: the epoch counts up whenever the partition changes hands,
-- so a follower that slept through it can move nothing any more.
CREATE TABLE log.checkpoint (
    view       text COLLATE "C" NOT NULL,
    partition  smallint NOT NULL,
    "offset"   bigint NOT NULL CHECK ("offset" >= 0),
    epoch      bigint NOT NULL DEFAULT 0,
    follower   uuid,
    moved_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (view, partition)
) WITH (fillfactor = 50);

-- The processes that fold a view. beats counts up while one lives; how long it has stood still is for each of the others
-- to measure, so no two clocks are ever compared.
CREATE TABLE log.follower (
    view      text COLLATE "C" NOT NULL,
    follower  uuid NOT NULL,
    beats     bigint NOT NULL,
    PRIMARY KEY (view, follower)
) WITH (fillfactor = 50);

-- An event that a view cannot fold: the view waits before it in that partition, and goes on in all others.
CREATE TABLE log.stopped (
    view       text COLLATE "C" NOT NULL,
    partition  smallint NOT NULL,
    "offset"   bigint NOT NULL,
    reason     text NOT NULL,
    since      timestamptz NOT NULL,
    tried_at   timestamptz NOT NULL,
    tries      integer NOT NULL,
    PRIMARY KEY (view, partition)
);

-- The decisions to pass an event over, for ever: a rebuild keeps to them.
CREATE TABLE log.skip (
    view        text COLLATE "C" NOT NULL,
    partition   smallint NOT NULL,
    "offset"    bigint NOT NULL,
    reason      text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    actor       text NOT NULL CHECK (length(actor) BETWEEN 1 AND 128),
    decided_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (view, partition, "offset")
);
CREATE TRIGGER skip_is_append_only BEFORE UPDATE OR DELETE ON log.skip
    FOR EACH ROW EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER skip_is_never_truncated BEFORE TRUNCATE ON log.skip
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

GRANT SELECT ON log.checkpoint TO wardlog_directory, wardlog_filtering;
GRANT SELECT, INSERT, UPDATE ON log.checkpoint TO wardlog_projections;
GRANT SELECT, INSERT, UPDATE, DELETE ON log.follower, log.stopped TO wardlog_projections;
GRANT SELECT ON log.skip TO wardlog_projections;

RESET ROLE;
