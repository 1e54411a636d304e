-- Who may connect as what. Roles belong to the whole cluster, so a second database finds them already there.
-- wardlog_owner owns every object and is used by migrations alone; it is no superuser, so RLS binds it where forced.
-- wardlog_rounding owns the views that may see every school and show only rounded cells.
-- wardlog_gateway is by whom a school's own staff read; wardlog_reviewers, by whom those do who see rounded figures alone (trusts'
-- leads, governors): whatever its session is told, it can read no exact figure, no flagged event and nobody of a school's people.
-- The others are what the running roles of `wardlog serve` are, each with the least that it works with. They may log in,
-- by the means that the server's administrator gives them: they are made without a password.
DO $$
DECLARE
    wanted text;
BEGIN
    -- Two databases of one cluster may be migrated at once: roles are shared, so their making is serialised.
    PERFORM pg_advisory_xact_lock(hashtext('wardlog roles'));
    FOREACH wanted IN ARRAY ARRAY['wardlog_owner', 'wardlog_rounding', 'wardlog_directory',
                                  'wardlog_filtering', 'wardlog_projections', 'wardlog_gateway',
                                  'wardlog_reviewers'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOINHERIT', wanted);
        END IF;
        IF wanted NOT IN ('wardlog_owner', 'wardlog_rounding')
           AND NOT (SELECT r.rolcanlogin FROM pg_roles r WHERE r.rolname = wanted) THEN
            EXECUTE format('ALTER ROLE %I LOGIN', wanted);
        END IF;
        -- USAGE, not MEMBER: from PostgreSQL 16 on, who creates a role may grant it and yet not be it.
        IF NOT pg_has_role(current_user, wanted, 'USAGE') THEN
            EXECUTE format('GRANT %I TO %I', wanted, current_user);
        END IF;
    END LOOP;
END
$$;

CREATE SCHEMA log AUTHORIZATION wardlog_owner;
CREATE SCHEMA telemetry AUTHORIZATION wardlog_owner;
CREATE SCHEMA directory AUTHORIZATION wardlog_owner;
CREATE SCHEMA filtering AUTHORIZATION wardlog_owner;
CREATE SCHEMA published AUTHORIZATION wardlog_owner;
CREATE SCHEMA rounding AUTHORIZATION wardlog_rounding;

GRANT USAGE ON SCHEMA log TO wardlog_directory, wardlog_filtering, wardlog_projections, wardlog_gateway;
GRANT USAGE ON SCHEMA telemetry TO wardlog_filtering, wardlog_projections, wardlog_gateway;
GRANT USAGE ON SCHEMA directory TO wardlog_directory, wardlog_projections;
GRANT USAGE ON SCHEMA filtering TO wardlog_filtering, wardlog_projections, wardlog_gateway;
GRANT USAGE ON SCHEMA published TO wardlog_gateway, wardlog_reviewers, wardlog_filtering, wardlog_directory;

-- What a reader's transaction may see, as it was told: the ids of one kind, of trusts (a MAT lead's), schools (own
-- safeguarding staff's: all of a school), reviewed_schools (governors': rounded figures), filters (technical staff's
-- schools), people (schools and trusts of a data protection officer) or matters (those that the reader may know of). Told
-- nothing, NULL: no id is any of them.
CREATE FUNCTION published.scope(p_kind text) RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN string_to_array(nullif(current_setting('wardlog.' || p_kind, true), ''), ',')::uuid[];
