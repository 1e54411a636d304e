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

    -- Who was shown who people are, when, and what for (R133).
    CREATE TABLE identity_reading (
        reading_id  uuid PRIMARY KEY,
        school_id   uuid,
        trust_id    uuid,
        reader      text NOT NULL,
        read_at     timestamptz NOT NULL,
        purpose     text NOT NULL,
        people      uuid[] NOT NULL,
        matter_id   uuid                -- for which it was done, and from which some are recused (R130)
    );
    CREATE INDEX ON identity_reading (school_id, read_at);
    CREATE INDEX ON identity_reading (trust_id, read_at);

    -- Whom a matter is kept from: for those who may know of it, and for those who ask, of whom it is looked up. A school's
    -- matter and its trust's people are folded apart, at once, so neither is joined before somebody asks.
    CREATE TABLE recusal (
        matter_id   uuid NOT NULL,
        person_id   uuid NOT NULL,
        school_id   uuid,
        trust_id    uuid,
        recused_at  timestamptz NOT NULL,
        recuser     text NOT NULL,
        PRIMARY KEY (matter_id, person_id)
    );
    CREATE INDEX ON recusal (school_id);
    CREATE INDEX ON recusal (trust_id);
    CREATE TABLE matter (
        matter_id  uuid PRIMARY KEY,
        school_id  uuid,
        trust_id   uuid
    );
    CREATE TABLE recused (
        matter_id  uuid NOT NULL,
        person_id  uuid NOT NULL,
        PRIMARY KEY (matter_id, person_id)
    );
    -- Every name of our own by which a person ever logged in: one that is taken from them stays recused.
    CREATE TABLE known_login (
        person_id  uuid NOT NULL,
        login      text NOT NULL,
        PRIMARY KEY (person_id, login)
    );
    CREATE INDEX ON known_login (login);

    FOREACH t IN ARRAY ARRAY['person', 'person_login', 'appointment', 'dsl_gap', 'identity_reading', 'recusal', 'matter', 'recused',
                            'known_login', 'substitutes'] LOOP
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
    FOREACH t IN ARRAY ARRAY['person', 'person_login', 'appointment', 'identity_reading', 'recusal', 'matter', 'substitutes'] LOOP
        EXECUTE format($policy$CREATE POLICY own_people ON %I FOR SELECT TO wardlog_gateway
            USING (school_id = ANY (published.scope('schools') || published.scope('people'))
                   OR trust_id = ANY (published.scope('trusts') || published.scope('people')))$policy$, t);
        EXECUTE format('GRANT SELECT ON %I TO wardlog_gateway', t);
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
        EXECUTE format($policy$CREATE POLICY not_recused ON %I AS RESTRICTIVE FOR SELECT TO wardlog_gateway
            USING (matter_id IS NULL OR published.may_know(matter_id))$policy$, t);
    END LOOP;
    CREATE POLICY own_login ON known_login FOR SELECT TO wardlog_gateway
        USING (login = nullif(current_setting('wardlog.asker', true), ''));
    CREATE POLICY own_login ON recused FOR SELECT TO wardlog_gateway
        USING (person_id IN (SELECT l.person_id FROM known_login l
                             WHERE l.login = nullif(current_setting('wardlog.asker', true), '')));
    GRANT SELECT ON known_login, recused TO wardlog_gateway;
    -- A service asks whether whoever commands something for a matter is known at all.
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
    FROM unnest(ARRAY['person', 'person_login', 'appointment', 'dsl_gap', 'identity_reading', 'recusal', 'matter', 'recused',
                            'known_login', 'substitutes']) t;
END
$$;

RESET ROLE;

SELECT log.show_generation('people', log.make_generation('people'), false);

SET LOCAL ROLE wardlog_owner;
GRANT SELECT, INSERT ON directory.person, directory.person_login, directory.appointment, directory.dsl_gap
    TO wardlog_projections;
GRANT INSERT ON directory.identity_reading TO wardlog_projections;
GRANT INSERT ON directory.recusal, directory.matter, directory.recused, directory.known_login TO wardlog_projections;
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
    SELECT reading_id, school_id, trust_id, reader, read_at, purpose, people, matter_id FROM directory.identity_reading;
CREATE VIEW published.recusal_v1 WITH (security_invoker = true) AS
    SELECT matter_id, person_id, school_id, trust_id, recused_at, recuser FROM directory.recusal;
CREATE VIEW published.substitutes_v1 WITH (security_invoker = true) AS
    SELECT school_id, trust_id, role, people FROM directory.substitutes;
CREATE VIEW published.matter_v1 WITH (security_invoker = true) AS SELECT matter_id FROM directory.matter;
-- These two, to a reader, of whoever asks alone.
CREATE VIEW published.known_login_v1 WITH (security_invoker = true) AS SELECT login FROM directory.known_login;
CREATE VIEW published.recused_login_v1 WITH (security_invoker = true) AS
    SELECT r.matter_id, l.login FROM directory.recused r JOIN directory.known_login l ON l.person_id = r.person_id;
GRANT SELECT ON directory.person, directory.person_login, directory.appointment, directory.dsl_gap,
    directory.identity_reading, directory.recusal, directory.matter, directory.recused, directory.known_login,
    directory.substitutes TO wardlog_gateway;
GRANT SELECT ON published.held_role_v1, published.person_v1, published.person_login_v1, published.appointment_v1, published.dsl_gap_v1, published.identity_reading_v1,
    published.recusal_v1, published.matter_v1, published.known_login_v1, published.recused_login_v1, published.substitutes_v1 TO wardlog_gateway;
GRANT SELECT ON published.known_login_v1 TO wardlog_directory, wardlog_filtering;
RESET ROLE;
