-- The published views: what contexts read of one another. A released view keeps its columns; a change is a _v2 beside it.
SET LOCAL ROLE wardlog_owner;

CREATE VIEW published.trust_v1 WITH (security_invoker = true) AS
    SELECT trust_id, uid, name FROM directory.trust;

CREATE VIEW published.membership_v1 WITH (security_invoker = true) AS
    SELECT school_id, trust_id, from_day, to_day FROM directory.membership;

-- A school as it is now, with the URN that holds now.
CREATE VIEW published.school_v1 WITH (security_invoker = true) AS
    SELECT s.school_id, u.urn, s.name, s.local_authority, s.phase, s.kind, s.status, s.pupils
    FROM directory.school s JOIN directory.school_urn u ON u.school_id = s.school_id AND u.to_day IS NULL;

-- A school's filters and their keys, without what is secret; for its own staff.
CREATE VIEW published.source_v1 WITH (security_invoker = true) AS
    SELECT source_id, school_id, name, vocabulary FROM directory.source;
CREATE VIEW published.issued_key_v1 WITH (security_invoker = true) AS
    SELECT key_id, source_id, school_id, issued_at, revoked_at FROM directory.ingest_key_without_hash;
GRANT SELECT ON published.source_v1, published.issued_key_v1 TO wardlog_gateway;

-- Exact figures, for a school's own staff.
CREATE VIEW published.filter_month_v1 WITH (security_invoker = true) AS
    SELECT school_id, month, category, action, user_group, events FROM filtering.count_monthly;

GRANT SELECT ON published.trust_v1, published.membership_v1, published.school_v1, published.filter_month_v1 TO wardlog_gateway;
GRANT SELECT ON published.trust_v1, published.membership_v1, published.school_v1 TO wardlog_reviewers;

-- The keys that open the door, by hash, with what the door needs to know of their sources.
CREATE VIEW published.ingest_key_v1 WITH (security_invoker = true) AS
    SELECT k.hash, k.key_id, k.source_id, k.school_id, s.vocabulary, h.partition
    FROM directory.ingest_key k
    JOIN directory.source s ON s.source_id = k.source_id
    JOIN log.home h ON h.owner_id = k.school_id
    WHERE k.revoked_at IS NULL;
GRANT SELECT ON published.ingest_key_v1 TO wardlog_filtering;

-- Rounded figures, for comparison above school level and for governors. The cells are fixed (school, calendar month,
-- category), and each is rounded to 5 here, before anything can be added to it. The view runs as wardlog_rounding,
-- which reads every school; who may see which cell is decided inside: a trust sees a school's month when the school
-- was its member on that month's last day, so that a former trust keeps the figures of its own time and no more.
GRANT USAGE, CREATE ON SCHEMA published TO wardlog_rounding; -- to make it, and no longer
SET LOCAL ROLE wardlog_rounding;

CREATE VIEW published.filter_month_rounded_v1 WITH (security_barrier = true) AS
    SELECT c.school_id, c.month, c.category,
           5 * round(sum(c.events) / 5.0)::bigint AS requests,
           5 * round(coalesce(sum(c.events) FILTER (WHERE c.action = 'blocked'), 0) / 5.0)::bigint AS blocks
    FROM rounding.count_monthly c
    WHERE c.school_id = ANY (published.scope('reviewed_schools'))
       OR EXISTS (SELECT FROM rounding.membership m
                  WHERE m.school_id = c.school_id
                    AND m.trust_id = ANY (published.scope('trusts'))
                    AND m.from_day < (c.month + interval '1 month')::date
                    AND (m.to_day IS NULL OR m.to_day >= (c.month + interval '1 month')::date))
    GROUP BY c.school_id, c.month, c.category
    -- A cell of one or two events would show as a row of zeroes, and be told from an empty one by it.
    HAVING round(sum(c.events) / 5.0) > 0;

GRANT SELECT ON published.filter_month_rounded_v1 TO wardlog_gateway, wardlog_reviewers;

SET LOCAL ROLE wardlog_owner;
REVOKE ALL ON SCHEMA published FROM wardlog_rounding;
RESET ROLE;
