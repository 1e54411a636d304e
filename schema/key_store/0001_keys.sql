-- The key store: where the keys of what is sealed are kept, wrapped. It is a database of its own, in the embedded default
-- of a PostgreSQL cluster of its own: what was once written to a table stays in that cluster's write-ahead log and its
-- backups, so a key that is destroyed here must never have been there, and the other way round.
DO $$
DECLARE
    wanted text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('wardlog roles'));
    FOREACH wanted IN ARRAY ARRAY['wardlog_owner', 'wardlog_directory', 'wardlog_filtering'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOINHERIT', wanted);
        END IF;
        IF wanted <> 'wardlog_owner' AND NOT (SELECT r.rolcanlogin FROM pg_roles r WHERE r.rolname = wanted) THEN
            EXECUTE format('ALTER ROLE %I LOGIN', wanted);
        END IF;
        IF NOT pg_has_role(current_user, wanted, 'USAGE') THEN
            EXECUTE format('GRANT %I TO %I', wanted, current_user);
        END IF;
    END LOOP;
END
$$;

CREATE SCHEMA keys AUTHORIZATION wardlog_owner;
GRANT USAGE ON SCHEMA keys TO wardlog_directory, wardlog_filtering;
SET LOCAL ROLE wardlog_owner;

-- A key, under the owner's wrapping key of a version. The wrapping keys are not in any database. A destroyed key keeps its
-- row, so that "never was" and "is no more" can be told apart by whoever may.
CREATE TABLE keys.data_key (
    context       text NOT NULL,
    owner_id      uuid NOT NULL,
    key_id        uuid NOT NULL,
    version       integer NOT NULL CHECK (version > 0),
    wrapped       bytea CHECK (length(wrapped) = 60),
    made_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    destroyed_at  timestamptz,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
    PRIMARY KEY (context, owner_id, key_id)
);

-- The versions under which an owner's keys are.
CREATE INDEX ON keys.data_key (context, owner_id, version) WHERE wrapped IS NOT NULL;

-- Keys that are lost for good, and who said so: each has the row of one that was destroyed, so that nobody waits for a dump any
-- more that has it.
CREATE TABLE keys.given_up (
    context      text NOT NULL,
    owner_id     uuid NOT NULL,
    key_id       uuid NOT NULL,
    given_up_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    given_up_by  text NOT NULL,
    reason       text NOT NULL,
    PRIMARY KEY (context, owner_id, key_id)
);
GRANT SELECT, INSERT ON keys.given_up TO wardlog_directory, wardlog_filtering;

-- The newest versions that are known of an owner's wrapping key: `announced` before it is made, `used` when it wraps a key.
-- By them a store is told that is older than the wrapping keys, or wrapping keys that are older than the store.
CREATE TABLE keys.wrapping_key (
    context    text NOT NULL,
    owner_id   uuid NOT NULL,
    announced  integer NOT NULL,
    used       integer NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND announced),
    PRIMARY KEY (context, owner_id)
);
GRANT SELECT, INSERT, UPDATE (announced, used) ON keys.wrapping_key TO wardlog_directory, wardlog_filtering;

-- The wrapping keys that a context's keys are under: which they are, and how often they had been changed at least.
CREATE TABLE keys.wrapping (
    context      text PRIMARY KEY,
    wrapping_id  uuid NOT NULL,
    changes      bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE (changes) ON keys.wrapping TO wardlog_directory, wardlog_filtering;

-- A service finds the keys of its own context, and no other's.
DO $$
DECLARE
    t text;
    one text;
BEGIN
    FOREACH t IN ARRAY ARRAY['data_key', 'given_up', 'wrapping_key', 'wrapping'] LOOP
        EXECUTE format('ALTER TABLE keys.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE keys.%I FORCE ROW LEVEL SECURITY', t);
        FOREACH one IN ARRAY ARRAY['directory', 'filtering'] LOOP
            EXECUTE format('CREATE POLICY own_context_of_%1$s ON keys.%2$I TO wardlog_%1$s
                            USING (context = %1$L) WITH CHECK (context = %1$L)', one, t);
        END LOOP;
    END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE (version, wrapped, destroyed_at) ON keys.data_key TO wardlog_directory, wardlog_filtering;
RESET ROLE;
