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

CREATE FUNCTION log.is_of_filtering(stream text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN stream ~ '^(opening|pseudonym)-';

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
    -- The role that faces the filters decides about what they send, and gives nobody a role or a login.
    IF coalesce(nullif(current_setting('role'), 'none'), session_user) = 'wardlog_filtering'
       AND NOT log.is_of_filtering(p_stream) THEN
        RAISE EXCEPTION 'wardlog_filtering appends to streams of its own alone' USING ERRCODE = 'insufficient_privilege';
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
GRANT EXECUTE ON FUNCTION log.join, log.append TO wardlog_directory, wardlog_filtering;
GRANT SELECT ON log.event TO wardlog_directory, wardlog_filtering, wardlog_projections;
GRANT SELECT ON log.home TO wardlog_directory, wardlog_filtering;
-- The role that faces the filters reads no more than what it appends.
ALTER TABLE log.event ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON log.event FOR SELECT TO wardlog_directory, wardlog_projections USING (true);
CREATE POLICY its_own ON log.event FOR SELECT TO wardlog_filtering USING (log.is_of_filtering(stream));

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

-- Whether a view has folded an event. The gateway, which may read nothing of the log, asks it for a caller who has been
-- told where its command is.
CREATE FUNCTION log.has_reached(p_view text, p_partition smallint, p_offset bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM log.checkpoint c
                   WHERE c.view = p_view AND c.partition = p_partition AND c."offset" >= p_offset)
$$;
REVOKE ALL ON FUNCTION log.has_reached FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.has_reached TO wardlog_gateway, wardlog_projections;

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

-- Whether somebody holds the advisory lock of a class and a word in this database: how one that holds it is known to live.
CREATE FUNCTION log.is_held(p_class integer, p_word text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_locks l
                   WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND l.classid::bigint = p_class
                     AND l.objid::bigint = hashtext(p_word)::bigint & 4294967295
                     AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
$$;

-- The generations of a view's tables. A generation is a schema of its own (directory_1, directory_2, …), made whole by
-- the view's own function, so that one can be filled beside the one that is shown. Nobody else names these schemas: what
-- is shown is known by a view over each table, and showing another generation replaces those.
CREATE TABLE log.generation (
    view        text COLLATE "C" NOT NULL,
    generation  integer NOT NULL CHECK (generation > 0),
    state       text NOT NULL CHECK (state IN ('building', 'shown', 'kept', 'dropped')),
    since       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (view, generation)
);
CREATE UNIQUE INDEX ON log.generation (view) WHERE state = 'shown';
CREATE UNIQUE INDEX ON log.generation (view) WHERE state = 'building';

CREATE FUNCTION log.generation_schema(p_view text, p_generation integer) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT replace(p_view, '.', '_') || '_' || p_generation $$;

-- Makes the next generation of a view's tables, empty, with log.make_<view>(). Runs as its caller, who migrates: the
-- others may not make schemas.
CREATE FUNCTION log.make_generation(p_view text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET role = wardlog_owner AS $$
DECLARE
    made integer;
    home text;
BEGIN
    INSERT INTO log.generation (view, generation, state)
    SELECT p_view, coalesce(max(g.generation), 0) + 1, 'building' FROM log.generation g WHERE g.view = p_view
    RETURNING generation INTO made;
    home := log.generation_schema(p_view, made);
    PERFORM set_config('role', session_user, true);
    EXECUTE format('CREATE SCHEMA %I AUTHORIZATION wardlog_owner', home);
    PERFORM set_config('role', 'wardlog_owner', true);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO wardlog_projections', home);
    PERFORM set_config('search_path', home, true);
    EXECUTE format('SELECT log.%I()', 'make_' || replace(p_view, '.', '_'));
    RETURN made;
END
$$;

-- Shows a generation instead of the one that is shown now, which is kept as it is, with how far it has folded. From here
-- to the commit nobody folds the view. What is shown must not fall behind, unless p_back says that it is meant to. Runs
-- as its caller, who migrates, and shows with log.show_<view>(schema).
CREATE FUNCTION log.show_generation(p_view text, p_generation integer, p_back boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET role = wardlog_owner SET lock_timeout = '2s' AS $$
DECLARE
    shown integer;
    hidden text := p_view || '@' || p_generation;
    made text := log.generation_schema(p_view, p_generation);
BEGIN
    PERFORM FROM log.checkpoint c WHERE c.view = p_view ORDER BY c.partition FOR UPDATE;
    SELECT g.generation INTO shown FROM log.generation g WHERE g.view = p_view AND g.state = 'shown';
    IF NOT p_back AND EXISTS (SELECT FROM log.checkpoint c JOIN log.checkpoint h ON h.view = hidden AND h.partition = c.partition
                              WHERE c.view = p_view AND c."offset" > h."offset") THEN
        RAISE EXCEPTION 'generation % of % has not folded all that the shown one has', p_generation, p_view USING ERRCODE = 'WL004';
    END IF;
    -- What has been decided since it was made, or was shown last, it may have folded before.
    IF EXISTS (SELECT FROM log.generation g
               JOIN log.skip k ON k.view = g.view AND k.decided_at > g.since
               JOIN log.checkpoint h ON h.view = hidden AND h.partition = k.partition AND h."offset" >= k."offset"
               WHERE g.view = p_view AND g.generation = p_generation) THEN
        RAISE EXCEPTION 'generation % of % may hold an event that has been skipped since', p_generation, p_view
            USING ERRCODE = 'WL004';
    END IF;
    EXECUTE format('SELECT log.%I(%L)', 'show_' || replace(p_view, '.', '_'), made);
    UPDATE log.generation SET state = 'kept', since = clock_timestamp() WHERE view = p_view AND generation = shown;
    UPDATE log.generation SET state = 'shown', since = clock_timestamp() WHERE view = p_view AND generation = p_generation;
    INSERT INTO log.checkpoint (view, partition, "offset")
    SELECT p_view || '@' || shown, c.partition, c."offset" FROM log.checkpoint c WHERE c.view = p_view AND shown IS NOT NULL;
    UPDATE log.checkpoint c SET "offset" = h."offset", epoch = c.epoch + 1
    FROM log.checkpoint h WHERE c.view = p_view AND h.view = hidden AND h.partition = c.partition;
    DELETE FROM log.checkpoint WHERE view = hidden;
    -- Where it waited, and is past now, it waits no longer.
    DELETE FROM log.stopped s USING log.checkpoint c
    WHERE s.view = p_view AND c.view = p_view AND c.partition = s.partition AND s."offset" <= c."offset";
END
$$;

-- Drops a generation that is not shown. Its number stays taken: who still folds into it finds nothing of that name again.
CREATE FUNCTION log.drop_generation(p_view text, p_generation integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET role = wardlog_owner SET lock_timeout = '2s' AS $$
BEGIN
    UPDATE log.generation SET state = 'dropped', since = clock_timestamp()
    WHERE view = p_view AND generation = p_generation AND state IN ('building', 'kept');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'generation % of % is shown, or not there', p_generation, p_view USING ERRCODE = 'WL004';
    END IF;
    DELETE FROM log.checkpoint WHERE view = p_view || '@' || p_generation;
    DELETE FROM log.stopped WHERE view = p_view || '@' || p_generation;
    EXECUTE format('DROP SCHEMA %I CASCADE', log.generation_schema(p_view, p_generation));
END
$$;

-- Replaces what is known as <schema>.<table> by a view over the table of another schema; an invoker's, so that the
-- table's row-level security holds for whoever reads.
CREATE FUNCTION log.show_table(p_known_as text, p_table text, p_schema text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE VIEW %I.%I WITH (security_invoker = true) AS SELECT * FROM %I.%I',
                   p_known_as, p_table, p_schema, p_table);
END
$$;

-- The same for the views that may see every school: a view over the table that reads as wardlog_rounding.
CREATE FUNCTION log.show_table_for_rounding(p_table text, p_schema text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET role = wardlog_rounding AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE VIEW rounding.%I AS SELECT * FROM %I.%I', p_table, p_schema, p_table);
END
$$;

-- Makes a view's tables as temporary ones of the caller's transaction, empty, and has unqualified names find these and
-- no others from here to its end: for what the view would have shown at an instant. The caller owns them, folds into
-- them only what it may read, and is not held to their policies, which are for the readers of what is shown.
CREATE FUNCTION log.make_for_an_instant(p_view text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    made regclass;
BEGIN
    PERFORM set_config('search_path', 'pg_temp', true);
    EXECUTE format('SELECT log.%I()', 'make_' || replace(p_view, '.', '_'));
    FOR made IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = pg_my_temp_schema() AND c.relforcerowsecurity LOOP
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', made);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION log.make_generation, log.show_generation, log.drop_generation, log.make_for_an_instant FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.make_for_an_instant TO wardlog_directory;

GRANT SELECT, INSERT, UPDATE ON log.checkpoint TO wardlog_projections;
GRANT SELECT, INSERT, UPDATE, DELETE ON log.follower, log.stopped TO wardlog_projections;
GRANT SELECT ON log.skip, log.generation TO wardlog_projections;
GRANT SELECT ON log.skip TO wardlog_directory;

RESET ROLE;
