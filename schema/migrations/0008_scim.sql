-- The view of provisioning: the keys with which a school's or trust's own directory says who works there (SCIM). The role
-- that takes what it says reads it; nobody else does. A row has the id of the school whose key it is, or of the trust.
SET LOCAL ROLE wardlog_owner;

CREATE FUNCTION log.make_provisioning() RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
    -- Only the key's hash is kept; the key itself was shown once.
    CREATE TABLE scim_key (
        key_id      uuid PRIMARY KEY,
        school_id   uuid,
        trust_id    uuid,
        hash        bytea NOT NULL CHECK (length(hash) = 32),
        issued_at   timestamptz NOT NULL,
        revoked_at  timestamptz,
        CHECK (num_nonnulls(school_id, trust_id) = 1)
    );
    CREATE UNIQUE INDEX ON scim_key (hash);

    ALTER TABLE scim_key ENABLE ROW LEVEL SECURITY;
    ALTER TABLE scim_key FORCE ROW LEVEL SECURITY;
    CREATE POLICY projection ON scim_key TO wardlog_projections USING (true) WITH CHECK (true);
    CREATE POLICY owning_service ON scim_key FOR SELECT TO wardlog_directory USING (true);
    GRANT SELECT, INSERT, UPDATE ON scim_key TO wardlog_projections;
    GRANT SELECT ON scim_key TO wardlog_directory;
END
$make$;

CREATE FUNCTION log.show_provisioning(p_schema text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log.show_table('directory', 'scim_key', p_schema);
END
$$;

RESET ROLE;

SELECT log.show_generation('provisioning', log.make_generation('provisioning'), false);

SET LOCAL ROLE wardlog_owner;
GRANT SELECT, INSERT, UPDATE ON directory.scim_key TO wardlog_projections;
GRANT SELECT ON directory.scim_key TO wardlog_directory;
RESET ROLE;
