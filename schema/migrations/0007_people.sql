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
    -- Every name of our own by which a person ever logged in, from when to when, and who said so: one that is taken from them stays
    -- recused.
    CREATE TABLE known_login (
        person_id    uuid NOT NULL,
        login        text NOT NULL,
        linked_by    text NOT NULL,
        linked_at    timestamptz NOT NULL,
        unlinked_at  timestamptz,
        PRIMARY KEY (person_id, login, linked_at)
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
    GRANT UPDATE ON person, appointment, substitutes, known_login TO wardlog_projections;
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
    -- Who is recused, and who may decide something together, functions say that run as the owner.
    FOREACH t IN ARRAY ARRAY['person', 'recusal', 'known_login', 'known_account'] LOOP
        EXECUTE format('CREATE POLICY who_is_who ON %I FOR SELECT TO wardlog_owner USING (true)', t);
    END LOOP;

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
GRANT INSERT ON directory.recusal, directory.known_account TO wardlog_projections;
GRANT SELECT, INSERT ON directory.known_login TO wardlog_projections;
GRANT SELECT, INSERT ON directory.substitutes TO wardlog_projections;
GRANT UPDATE ON directory.person, directory.appointment, directory.substitutes, directory.known_login TO wardlog_projections;
GRANT DELETE ON directory.person_login, directory.dsl_gap TO wardlog_projections;
GRANT SELECT ON directory.person TO wardlog_directory;

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

-- The people of a school and of its trusts, or of a trust.
CREATE FUNCTION directory.people_at(p_owner uuid) RETURNS TABLE (person_id uuid, left_on date) LANGUAGE sql STABLE AS $$
    SELECT p.person_id, p.left_on FROM directory.person p WHERE p.school_id = p_owner
    UNION ALL
    SELECT p.person_id, p.left_on FROM directory.person p
    WHERE p.trust_id IN (SELECT p_owner UNION SELECT m.trust_id FROM directory.membership m WHERE m.school_id = p_owner)
$$;

-- Whether somebody there logged in by a login just before an instant. Whoever links such a one to another record lets nobody in,
-- and does nothing to whose it is. What others record elsewhere says nothing here.
CREATE FUNCTION directory.is_in_use(p_owner uuid, p_login text, p_at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM directory.known_login l JOIN directory.people_at(p_owner) p ON p.person_id = l.person_id
                   WHERE l.login = p_login AND l.linked_at < p_at AND coalesce(l.unlinked_at >= p_at, true)
                     AND coalesce(p.left_on > (p_at AT TIME ZONE 'Europe/London')::date, true))
$$;

-- Who may not know of which of an owner's matters (R130), by login and record: whoever was recused, by every login that ever was
-- theirs, of each record that their account ever had, or that had a login of theirs there by then; and whoever was let in there
-- since by one of these, for it may be they themselves, but by no login that was somebody's when they were recused.
CREATE FUNCTION directory.recused_login(p_owner uuid) RETURNS TABLE (matter_id uuid, login text, person_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE here AS MATERIALIZED (
        SELECT p.person_id FROM directory.people_at(p_owner) p
    ), record (matter_id, since, person_id) AS (
        SELECT r.matter_id, r.recused_at, r.person_id FROM directory.recusal r WHERE r.owner_id = p_owner
        UNION
        SELECT r.matter_id, r.since, o.person_id
        FROM record r
        CROSS JOIN LATERAL (
            SELECT other.person_id
            FROM directory.known_account one JOIN directory.known_account other ON other.account_id = one.account_id
            WHERE one.person_id = r.person_id
            UNION ALL
            SELECT other.person_id
            FROM directory.known_login one
            JOIN directory.known_login other ON other.login = one.login
            JOIN here ON here.person_id = other.person_id
            WHERE one.person_id = r.person_id AND greatest(one.linked_at, other.linked_at) <= r.since
              AND one.login NOT IN (one.linked_by, other.linked_by)
        ) o
    ), recused (matter_id, login, person_id, since) AS (
        SELECT r.matter_id, l.login, r.person_id, r.since
        FROM record r LEFT JOIN directory.known_login l ON l.person_id = r.person_id
        UNION
        SELECT r.matter_id, l.login, l.person_id, r.since
        FROM recused r
        JOIN directory.known_login l ON l.linked_by = r.login AND l.linked_at > r.since
        JOIN here ON here.person_id = l.person_id
        WHERE NOT directory.is_in_use(p_owner, l.login, l.linked_at) AND NOT directory.is_in_use(p_owner, l.login, r.since)
    )
    SELECT DISTINCT r.matter_id, r.login, r.person_id FROM recused r
$$;

-- The matters that whoever has a login may know of, of the places that the session is told (a trust's lead's, of the trust
-- alone): those that the view has come to, from which they are not recused. Of a login that was never linked to anybody it is
-- none, as nobody can tell whose it is.
CREATE FUNCTION published.known_matters(p_login text) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH place (id) AS (
        SELECT unnest(published.scope('trusts')
                      || CASE WHEN coalesce(nullif(current_setting('role'), 'none'), session_user) = 'wardlog_reviewers' THEN '{}'
                              ELSE published.scope('schools') || published.scope('people') END)
    ), kept AS MATERIALIZED (
        SELECT k.matter_id FROM place CROSS JOIN LATERAL directory.recused_login(place.id) k WHERE k.login = p_login
    )
    SELECT coalesce(array_agg(DISTINCT r.matter_id), '{}')
    FROM place JOIN directory.recusal r ON r.owner_id = place.id
    WHERE EXISTS (SELECT FROM directory.known_login l WHERE l.login = p_login)
      AND r.matter_id NOT IN (SELECT kept.matter_id FROM kept)
$$;

-- The people who may not know of the matters that the session may know of, so that none of them takes one (R087).
CREATE FUNCTION published.kept_from() RETURNS TABLE (matter_id uuid, person_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH matter AS (
        SELECT r.matter_id, r.owner_id, r.person_id
        FROM directory.recusal r WHERE r.matter_id = ANY (published.scope('matters'))
    )
    SELECT matter.matter_id, matter.person_id FROM matter
    UNION
    SELECT k.matter_id, k.person_id
    FROM (SELECT DISTINCT matter.owner_id FROM matter) o CROSS JOIN LATERAL directory.recused_login(o.owner_id) k
    WHERE k.matter_id IN (SELECT matter.matter_id FROM matter)
$$;

-- Whether a school or trust has such a matter, and whoever has a login may know of it. It is asked of the log and not of the view:
-- whoever is recused is so at once, by whichever login. The view tells who is known at all, and who is recused by what others are.
CREATE FUNCTION published.may_know(p_owner uuid, p_matter uuid, p_login text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH recused AS (
        SELECT coalesce(said.recused ->> 'school', said.recused ->> 'trust', p_owner::text)::uuid AS owner_id,
               'person-' || (said.recused ->> 'person') AS stream
        FROM log.home h
        JOIN log.event e ON e.partition = h.partition AND e.owner_id = h.owner_id AND e.stream = 'matter-' || p_matter
        CROSS JOIN LATERAL (SELECT convert_from(e.payload, 'UTF8')::jsonb AS recused) said
        WHERE h.owner_id = p_owner AND e.type = 'person-recused'
    )
    SELECT EXISTS (SELECT FROM recused)
       AND EXISTS (SELECT FROM directory.known_login l WHERE l.login = p_login)
       AND NOT EXISTS (SELECT FROM recused r
                       JOIN log.home h ON h.owner_id = r.owner_id
                       JOIN log.event e ON e.partition = h.partition AND e.owner_id = h.owner_id AND e.stream = r.stream
                       WHERE e.type = 'person-login-linked'
                         AND convert_from(e.payload, 'UTF8')::jsonb ->> 'login' = p_login)
       AND NOT EXISTS (SELECT FROM directory.recused_login(p_owner) k WHERE k.matter_id = p_matter AND k.login = p_login)
$$;

-- Whether whoever has a login may agree to what was proposed at a school or trust by another, and when. Not if both may be one
-- person: known as the same, or let in there by one another, be it by others that they had let in before; nor if the login was
-- first linked to anybody there since, for it may have been for this. A school's people are its own, and its trusts'.
CREATE FUNCTION published.may_agree(p_owner uuid, p_login text, p_proposer text, p_proposed_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE known AS MATERIALIZED (
        SELECT p.person_id FROM directory.people_at(p_owner) p
    ), let_in (login, by) AS (
        VALUES (p_login, p_login), (p_proposer, p_proposer)
        UNION
        SELECT i.login, l.linked_by
        FROM let_in i JOIN directory.known_login l ON l.login = i.by
        WHERE l.person_id IN (SELECT person_id FROM known) AND NOT directory.is_in_use(p_owner, l.login, l.linked_at)
    )
    SELECT p_login <> p_proposer
       AND NOT EXISTS (SELECT FROM let_in i WHERE (i.login, i.by) IN ((p_login, p_proposer), (p_proposer, p_login)))
       AND NOT EXISTS (SELECT FROM directory.known_login one JOIN directory.known_login other ON other.person_id = one.person_id
                       WHERE one.login = p_login AND other.login = p_proposer
                         AND one.person_id IN (SELECT person_id FROM known))
       AND coalesce((SELECT min(l.linked_at) <= p_proposed_at FROM directory.known_login l
                     WHERE l.login = p_login AND l.person_id IN (SELECT person_id FROM known)), true)
$$;
REVOKE ALL ON FUNCTION directory.people_at, directory.is_in_use, directory.recused_login, published.known_matters, published.kept_from, published.may_know,
    published.may_agree FROM PUBLIC;
GRANT EXECUTE ON FUNCTION published.known_matters, published.kept_from TO wardlog_gateway, wardlog_reviewers;
GRANT EXECUTE ON FUNCTION published.may_know, published.may_agree TO wardlog_directory, wardlog_filtering;
GRANT SELECT ON directory.person, directory.person_login, directory.appointment, directory.dsl_gap,
    directory.identity_reading, directory.recusal, directory.substitutes TO wardlog_gateway;
GRANT SELECT ON directory.person, directory.person_login, directory.appointment, directory.identity_reading, directory.recusal,
    directory.substitutes TO wardlog_reviewers;
GRANT SELECT ON published.person_v1, published.person_login_v1, published.appointment_v1, published.identity_reading_v1,
    published.recusal_v1, published.substitutes_v1 TO wardlog_reviewers;
GRANT SELECT ON published.held_role_v1, published.person_v1, published.person_login_v1, published.appointment_v1, published.dsl_gap_v1, published.identity_reading_v1,
    published.recusal_v1, published.substitutes_v1 TO wardlog_gateway;
RESET ROLE;
