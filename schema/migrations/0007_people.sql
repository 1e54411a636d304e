-- The view of people: who is known at a school or trust, the roles they hold there, who read who they are. Who they are is
-- not in it, not even sealed. A row has the id of the school that it belongs to, or of the trust. Days are London days; a role is held up to, and not including,
-- to_day (NULL: no end is known).
SET LOCAL ROLE wardlog_owner;

CREATE FUNCTION log.make_people() RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
    t text;
BEGIN
    CREATE TABLE person (
        person_id  uuid PRIMARY KEY,
        school_id  uuid,
        trust_id   uuid,
        category   text NOT NULL,
        left_on    date,
        hold       text,                -- why the person must not be forgotten (R276)
        ground     text,                -- why it is proposed to forget the person, and who said so
        proposer   text,
        forgotten  boolean NOT NULL DEFAULT false,
        CHECK (num_nonnulls(school_id, trust_id) = 1)
    );
    CREATE INDEX ON person (school_id);
    CREATE INDEX ON person (trust_id);

    -- The names of our own by which a person logs in.
    CREATE TABLE person_login (
        person_id  uuid NOT NULL,
        login      text NOT NULL,
        school_id  uuid,
        trust_id   uuid,
        PRIMARY KEY (person_id, login)
    );
    CREATE INDEX ON person_login (login);

    CREATE TABLE appointment (
        appointment_id  uuid PRIMARY KEY,
        school_id       uuid,
        trust_id        uuid,
        person_id       uuid NOT NULL,
        role            text NOT NULL,
        from_day        date NOT NULL,
        to_day          date
    );
    CREATE INDEX ON appointment (school_id);
    CREATE INDEX ON appointment (trust_id);
    CREATE INDEX ON appointment (person_id);

    -- Days on which a school has no DSL, after it had one (R013).
    CREATE TABLE dsl_gap (
        school_id  uuid NOT NULL,
        from_day   date NOT NULL,
        to_day     date,
        PRIMARY KEY (school_id, from_day)
    );

    -- Who stands in for the holder of a role who is recused, in their order (R087).
    CREATE TABLE substitutes (
        owner_id   uuid NOT NULL,
        school_id  uuid,
        trust_id   uuid,
        role       text NOT NULL,
        people     uuid[] NOT NULL,
        PRIMARY KEY (owner_id, role)
    );

    -- Who was shown who people are, when, in which roles, and what for (R133).
    CREATE TABLE identity_reading (
        reading_id  uuid PRIMARY KEY,
        school_id   uuid,
        trust_id    uuid,
        owner_id    uuid NOT NULL GENERATED ALWAYS AS (coalesce(school_id, trust_id)) STORED,
        reader      text NOT NULL,
        read_at     timestamptz NOT NULL,
        roles       text[] NOT NULL,
        purpose     text NOT NULL,
        people      uuid[] NOT NULL,
        matter_id   uuid                -- for which it was done, and from which some are recused (R130)
    );
    CREATE INDEX ON identity_reading (owner_id, read_at, reading_id);

    -- Whom a matter is kept from. A school's matter and its trust's people are folded apart, at once, so neither is joined
    -- before somebody asks.
    CREATE TABLE recusal (
        matter_id   uuid NOT NULL,
        person_id   uuid NOT NULL,
        school_id   uuid,
        trust_id    uuid,
        owner_id    uuid NOT NULL GENERATED ALWAYS AS (coalesce(school_id, trust_id)) STORED,
        recused_at  timestamptz NOT NULL,
        recuser     text NOT NULL,
        PRIMARY KEY (matter_id, person_id)
    );
    CREATE INDEX ON recusal (owner_id, recused_at);
    -- Every name of our own by which a person ever logged in, and who first said so: one that is taken from them stays recused.
    CREATE TABLE known_login (
        person_id  uuid NOT NULL,
        login      text NOT NULL,
        linked_by  text NOT NULL,
        linked_at  timestamptz NOT NULL,
        PRIMARY KEY (person_id, login)
    );
    CREATE INDEX ON known_login (login);
    CREATE INDEX ON known_login (linked_by);
    -- The account that a directory keeps of a person: who comes back is another record of the same one.
    CREATE TABLE known_account (
        person_id   uuid PRIMARY KEY,
        account_id  uuid NOT NULL
    );
    CREATE INDEX ON known_account (account_id);

    FOREACH t IN ARRAY ARRAY['person', 'person_login', 'appointment', 'dsl_gap', 'identity_reading', 'recusal', 'known_login',
                             'known_account', 'substitutes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY projection ON %I TO wardlog_projections USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO wardlog_projections', t);
    END LOOP;
    GRANT UPDATE ON person, appointment, substitutes TO wardlog_projections;
    GRANT DELETE ON person_login, dsl_gap TO wardlog_projections;

    -- The service asks who is forgotten.
    CREATE INDEX ON person (person_id) WHERE forgotten;
    CREATE POLICY service ON person FOR SELECT TO wardlog_directory USING (forgotten);
    GRANT SELECT ON person TO wardlog_directory;

    -- A school's own staff see its people, and a trust's lead those of the trust itself; a DPO those of either.
    FOREACH t IN ARRAY ARRAY['person', 'person_login', 'appointment', 'identity_reading', 'recusal', 'substitutes'] LOOP
        EXECUTE format($policy$CREATE POLICY own_people ON %I FOR SELECT TO wardlog_gateway
            USING (school_id = ANY (published.scope('schools') || published.scope('people'))
                   OR trust_id = ANY (published.scope('trusts') || published.scope('people')))$policy$, t);
        -- By whom trusts' leads read: the trust's own people alone, whatever the session is told.
        EXECUTE format($policy$CREATE POLICY trusts_people ON %I FOR SELECT TO wardlog_reviewers
            USING (trust_id = ANY (published.scope('trusts')))$policy$, t);
        EXECUTE format('GRANT SELECT ON %I TO wardlog_gateway, wardlog_reviewers', t);
    END LOOP;
    -- Who logs in is asked before anything else: the session is told a login, and sees whose it is and the roles held.
    CREATE POLICY own_login ON person_login FOR SELECT TO wardlog_gateway
        USING (login = nullif(current_setting('wardlog.login', true), ''));
    FOREACH t IN ARRAY ARRAY['person', 'appointment'] LOOP
        EXECUTE format($policy$CREATE POLICY own_login ON %I FOR SELECT TO wardlog_gateway
            USING (person_id IN (SELECT l.person_id FROM person_login l
                                 WHERE l.login = nullif(current_setting('wardlog.login', true), '')))$policy$, t);
    END LOOP;

    -- No policy that permits gives back what these take: a matter is kept from whoever is recused from it.
    FOREACH t IN ARRAY ARRAY['identity_reading', 'recusal'] LOOP
        EXECUTE format($policy$CREATE POLICY not_recused ON %I AS RESTRICTIVE FOR SELECT TO wardlog_gateway, wardlog_reviewers
            USING (matter_id IS NULL OR matter_id = ANY (published.scope('matters')))$policy$, t);
    END LOOP;
    -- Who is recused, directory.recused_login says, which runs as the owner.
    FOREACH t IN ARRAY ARRAY['recusal', 'known_login', 'known_account'] LOOP
        EXECUTE format('CREATE POLICY who_is_recused ON %I FOR SELECT TO wardlog_owner USING (true)', t);
    END LOOP;
    -- A service asks whether whoever commands something for a matter is known at all, and whether two logins are one person's.
    CREATE POLICY services ON known_login FOR SELECT TO wardlog_directory, wardlog_filtering USING (true);
    GRANT SELECT ON known_login TO wardlog_directory, wardlog_filtering;

    CREATE POLICY own_people ON dsl_gap FOR SELECT TO wardlog_gateway
        USING (school_id = ANY (published.scope('schools')));
    GRANT SELECT ON dsl_gap TO wardlog_gateway;
END
$make$;

CREATE FUNCTION log.show_people(p_schema text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log.show_table('directory', t, p_schema)
    FROM unnest(ARRAY['person', 'person_login', 'appointment', 'dsl_gap', 'identity_reading', 'recusal', 'known_login',
                      'known_account', 'substitutes']) t;
END
$$;

RESET ROLE;

SELECT log.show_generation('people', log.make_generation('people'), false);

SET LOCAL ROLE wardlog_owner;
GRANT SELECT, INSERT ON directory.person, directory.person_login, directory.appointment, directory.dsl_gap
    TO wardlog_projections;
GRANT INSERT ON directory.identity_reading TO wardlog_projections;
GRANT INSERT ON directory.recusal, directory.known_login, directory.known_account TO wardlog_projections;
GRANT SELECT, INSERT ON directory.substitutes TO wardlog_projections;
GRANT UPDATE ON directory.person, directory.appointment, directory.substitutes TO wardlog_projections;
GRANT DELETE ON directory.person_login, directory.dsl_gap TO wardlog_projections;
GRANT SELECT ON directory.person TO wardlog_directory;
GRANT SELECT ON directory.known_login TO wardlog_directory, wardlog_filtering;

CREATE VIEW published.person_v1 WITH (security_invoker = true) AS
    SELECT person_id, school_id, trust_id, category, left_on, hold, ground, proposer, forgotten FROM directory.person;
CREATE VIEW published.person_login_v1 WITH (security_invoker = true) AS
    SELECT person_id, school_id, trust_id, login FROM directory.person_login;
CREATE VIEW published.appointment_v1 WITH (security_invoker = true) AS
    SELECT appointment_id, school_id, trust_id, person_id, role, from_day, to_day FROM directory.appointment;
-- The roles of who logs in, each up to its end or the person's leaving.
CREATE VIEW published.held_role_v1 WITH (security_invoker = true) AS
    SELECT l.login, p.person_id, a.appointment_id, a.role, a.school_id, a.trust_id, a.from_day,
           least(a.to_day, p.left_on) AS to_day
    FROM directory.person_login l
    JOIN directory.person p ON p.person_id = l.person_id
    JOIN directory.appointment a ON a.person_id = p.person_id;
CREATE VIEW published.dsl_gap_v1 WITH (security_invoker = true) AS
    SELECT school_id, from_day, to_day FROM directory.dsl_gap;
CREATE VIEW published.identity_reading_v1 WITH (security_invoker = true) AS
    SELECT reading_id, school_id, trust_id, owner_id, reader, read_at, roles, purpose, people, matter_id
    FROM directory.identity_reading;
CREATE VIEW published.recusal_v1 WITH (security_invoker = true) AS
    SELECT matter_id, person_id, school_id, trust_id, owner_id, recused_at, recuser FROM directory.recusal;
CREATE VIEW published.substitutes_v1 WITH (security_invoker = true) AS
    SELECT school_id, trust_id, role, people FROM directory.substitutes;
CREATE VIEW published.known_login_v1 WITH (security_invoker = true) AS
    SELECT login, person_id, linked_by, linked_at FROM directory.known_login;

-- Who may not know of which of an owner's matters (R130), by login: whoever was recused, by every login that ever was theirs, of
-- each record that their account ever had; and whoever was let in since by one of these, for it may be they themselves.
CREATE FUNCTION directory.recused_login(p_owner uuid) RETURNS TABLE (matter_id uuid, login text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE recused (matter_id, login, since) AS (
        SELECT r.matter_id, l.login, r.recused_at
        FROM directory.recusal r
        JOIN directory.known_login l
            ON l.person_id = r.person_id
            OR l.person_id IN (SELECT other.person_id FROM directory.known_account one
                               JOIN directory.known_account other ON other.account_id = one.account_id
                               WHERE one.person_id = r.person_id)
        WHERE r.owner_id = p_owner
        UNION
        SELECT r.matter_id, l.login, r.since
        FROM recused r JOIN directory.known_login l ON l.linked_by = r.login AND l.linked_at > r.since
    )
    SELECT DISTINCT r.matter_id, r.login FROM recused r
$$;

-- The matters of these owners that whoever has a login may know of: those that the view has come to, from which they are not
-- recused. Of a login that was never linked to anybody it is none, as nobody can tell whose it is.
CREATE FUNCTION published.known_matters(p_owners uuid[], p_login text) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(DISTINCT r.matter_id), '{}')
    FROM directory.recusal r
    WHERE r.owner_id = ANY (p_owners)
      AND EXISTS (SELECT FROM directory.known_login l WHERE l.login = p_login)
      AND NOT EXISTS (SELECT FROM unnest(p_owners) o CROSS JOIN LATERAL directory.recused_login(o) k
                      WHERE k.matter_id = r.matter_id AND k.login = p_login)
$$;

-- Whether two logins may be one person's: they are known as the same person's, or one of them let the other in, be it by others
-- that they had let in before.
CREATE FUNCTION published.may_be_one(p_one text, p_other text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE let_in (login, by) AS (
        VALUES (p_one, p_one), (p_other, p_other)
        UNION
        SELECT i.login, l.linked_by FROM let_in i JOIN directory.known_login l ON l.login = i.by
    )
    SELECT p_one = p_other
        OR EXISTS (SELECT FROM let_in i WHERE (i.login, i.by) IN ((p_one, p_other), (p_other, p_one)))
        OR EXISTS (SELECT FROM directory.known_login one JOIN directory.known_login other USING (person_id)
                   WHERE one.login = p_one AND other.login = p_other)
$$;

-- Whether a login was linked to anybody after an instant, and to nobody before.
CREATE FUNCTION published.is_new_since(p_login text, p_instant timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(min(l.linked_at) > p_instant, false) FROM directory.known_login l WHERE l.login = p_login
$$;

-- Whether the view knows that whoever has a login is recused from a matter.
CREATE FUNCTION published.is_recused(p_owner uuid, p_matter uuid, p_login text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM directory.recused_login(p_owner) k WHERE k.matter_id = p_matter AND k.login = p_login)
$$;
REVOKE ALL ON FUNCTION directory.recused_login, published.known_matters, published.is_recused, published.may_be_one,
    published.is_new_since FROM PUBLIC;
GRANT EXECUTE ON FUNCTION published.known_matters TO wardlog_gateway, wardlog_reviewers;
GRANT EXECUTE ON FUNCTION published.is_recused, published.may_be_one, published.is_new_since
    TO wardlog_directory, wardlog_filtering;
GRANT SELECT ON directory.person, directory.person_login, directory.appointment, directory.dsl_gap,
    directory.identity_reading, directory.recusal, directory.substitutes TO wardlog_gateway;
GRANT SELECT ON directory.person, directory.person_login, directory.appointment, directory.identity_reading, directory.recusal,
    directory.substitutes TO wardlog_reviewers;
GRANT SELECT ON published.person_v1, published.person_login_v1, published.appointment_v1, published.identity_reading_v1,
    published.recusal_v1, published.substitutes_v1 TO wardlog_reviewers;
GRANT SELECT ON published.held_role_v1, published.person_v1, published.person_login_v1, published.appointment_v1, published.dsl_gap_v1, published.identity_reading_v1,
    published.recusal_v1, published.substitutes_v1 TO wardlog_gateway;
GRANT SELECT ON published.known_login_v1 TO wardlog_directory, wardlog_filtering;
RESET ROLE;
