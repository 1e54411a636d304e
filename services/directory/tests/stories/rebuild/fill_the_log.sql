-- Fills an empty log with the events of so many schools, so many each, as nobody but its owner could: for measurements
-- and tests that need more events than can be commanded in their time. It is whole: dense offsets, versions, hash chains.
CREATE FUNCTION pg_temp.fill_the_log(p_schools integer, p_each integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO log.home (owner_id, partition)
    SELECT lpad(to_hex(n + 1), 32, '0')::uuid, n % 64 FROM generate_series(0, p_schools - 1) n;

    INSERT INTO log.event (partition, "offset", owner_id, school_id, stream, version, type, type_version, actor,
                           occurred_at, recorded_at, command_id, command_event, correlation_id, previous_hash, hash,
                           payload)
    WITH RECURSIVE chain AS (
        SELECT n, 0::bigint AS version, lpad(to_hex(n + 1), 32, '0')::uuid AS school, ''::text AS type, ''::bytea AS payload,
               ''::bytea AS previous, decode(repeat('00', 32), 'hex') AS hash
        FROM generate_series(0, p_schools - 1) n
        UNION ALL
        SELECT n, version + 1, school, next.type, next.payload, hash,
               log.event_hash(hash, school, 'school-' || school, version + 1, next.type, 1::smallint, 'filled', now(), now(),
                              'filled-' || version + 1, next.payload)
        FROM chain, LATERAL (
            SELECT CASE version WHEN 0 THEN 'school-registered' ELSE 'school-amended' END AS type,
                   convert_to((jsonb_build_object('name', 'A generated school', 'local_authority', 'Nowhere', 'phase',
                       'Primary', 'kind', 'Academy', 'status', 'Open', 'pupils', version + 1)
                       || CASE version WHEN 0 THEN jsonb_build_object('school', school, 'from', '2026-09-01', 'urn', 100000 + n)
                          ELSE '{}' END)::text, 'UTF8') AS payload
        ) next
        WHERE version < p_each
    )
    -- School n is number n / 64 of its partition, which has as many as there are numbers n, n + 64, … below p_schools.
    SELECT n % 64, (version - 1) * ((p_schools - 1 - n % 64) / 64 + 1) + n / 64 + 1, school, school, 'school-' || school,
           version, type, 1, 'filled', now(), now(), 'filled-' || version, 1, school, previous, hash, payload
    FROM chain WHERE version > 0
$$;
