-- migrate:up

-- A code may have ended before the first loaded release that tells of it: the release that says so
-- is then the one that describes it. The rest is as in 0001.
CREATE OR REPLACE FUNCTION code_on(wanted_id integer, asked_on date)
RETURNS TABLE (
    id integer, system text, value text, seq integer, starts date, ends_before date, kind text,
    parent_id integer, is_billable boolean, title text, short_title text, release_id integer,
    is_system_loaded boolean
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT
        c.id, c.system, c.value, c.seq, lower(v.valid), upper(v.valid), v.kind, v.parent_id,
        v.is_billable,
        CASE WHEN s.full_descriptors_allowed THEN v.title END,
        CASE WHEN s.full_descriptors_allowed THEN v.short_title END,
        COALESCE(
            (SELECT r.id FROM code_release r
             WHERE r.system = c.system
               AND r.valid @> GREATEST(lower(v.valid), LEAST(asked_on, upper(v.valid) - 1))),
            v.release_id
        ),
        EXISTS (SELECT FROM code_release r
                WHERE r.system = c.system AND lower(r.valid) <= asked_on)
    FROM code c
    JOIN code_system s ON s.key = c.system
    LEFT JOIN LATERAL (
        SELECT v.valid, v.kind, v.parent_id, v.is_billable, v.title, v.short_title, v.release_id
        FROM code_version v
        WHERE v.code_id = c.id
        ORDER BY lower(v.valid) > asked_on, abs(lower(v.valid) - asked_on)
        LIMIT 1
    ) v ON true
    WHERE c.id = wanted_id;
END;

-- CMS publishes HCPCS Level II each quarter, with its modifiers and cross references.
INSERT INTO release_calendar (system, label, effective_from)
SELECT s.key, y.year || '-' || q.label, make_date(y.year, q.month, 1)
FROM (VALUES ('HCPCS'), ('HCPCS_MODIFIER')) AS s (key)
CROSS JOIN generate_series(2020, 2027) AS y (year)
CROSS JOIN (VALUES ('JAN', 1), ('APR', 4), ('JUL', 7), ('OCT', 10)) AS q (label, month);

INSERT INTO map_calendar (kind, label, effective_from)
SELECT k.kind, 'HCPCS-' || e.label, e.effective_from
FROM release_calendar e
CROSS JOIN (VALUES ('HCPCS_XREF'), ('HCPCS_XREF_CPT'), ('HCPCS_XREF_MODIFIER')) AS k (kind)
WHERE e.system = 'HCPCS';

-- The American Medical Association publishes CPT for each year.
INSERT INTO release_calendar (system, label, effective_from)
SELECT 'CPT', y.year::text, make_date(y.year, 1, 1)
FROM generate_series(2020, 2027) AS y (year);

-- What lets texts be shown that are not free, and to whom: the plans of the readers whom the licence
-- covers. A reader on any other plan never meets a word of them.
CREATE TABLE content_license (
    id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$'),
    system text NOT NULL REFERENCES code_system,
    holder text NOT NULL CHECK (length(holder) BETWEEN 1 AND 200),
    -- The days on which texts may be shown, whatever day is asked about.
    valid daterange NOT NULL CHECK (NOT isempty(valid)),
    plan_keys text[] NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

-- Under which licence the operator has the texts of a release, recorded here or not, and the notice
-- that stands beside them.
ALTER TABLE code_release
    ADD COLUMN license_id text,
    ADD COLUMN copyright text,
    ADD CHECK ((license_id IS NULL) = (copyright IS NULL));

-- Texts of this site's editors: who wrote a version and why, and the request that did, so that the
-- same one again finds it done. A version without text withdraws the one before.
ALTER TABLE page_text
    ALTER COLUMN markdown DROP NOT NULL,
    ADD COLUMN author text CHECK (author ~ '^[A-Za-z0-9_-]{1,32}$'),
    ADD COLUMN reason text CHECK (length(reason) BETWEEN 1 AND 200),
    ADD COLUMN request text UNIQUE CHECK (request ~ '^[A-Za-z0-9_-]{22}$'),
    ADD CHECK ((author IS NULL) = (reason IS NULL) AND (author IS NULL) = (request IS NULL)),
    ADD CHECK (markdown IS NOT NULL OR author IS NOT NULL);

COMMENT ON COLUMN page_text.author IS 'null: the text came with a file';

-- migrate:down
