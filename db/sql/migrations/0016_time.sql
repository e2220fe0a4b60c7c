-- migrate:up

-- A list of codes says nothing of notes. Those of the release before stand on then, and here is
-- written whose they are: null where no notes are loaded at all.
ALTER TABLE code_release ADD COLUMN notes_of text;
UPDATE code_release r SET notes_of = r.label
WHERE EXISTS (
    SELECT FROM code_note n JOIN code c ON c.id = n.code_id WHERE c.system = r.system
);

-- What began and what ended between two days.
CREATE INDEX code_version_begun ON code_version (lower(valid));
CREATE INDEX code_version_ended ON code_version (upper(valid));

-- Every release, with what the calendar expects in its place on a day that it still covers.
CREATE OR REPLACE FUNCTION releases_on(asked_on date) RETURNS TABLE (id integer, body jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT
        r.id,
        jsonb_build_object(
            'id', r.id, 'system', r.system, 'label', r.label, 'effective_from', lower(r.valid),
            'effective_to', upper(r.valid) - 1, 'publisher', r.publisher, 'source', r.source,
            'sha256', r.sha256, 'loaded_at', r.loaded_at, 'code_count', r.code_count,
            'notes_of', r.notes_of,
            'expected_label', e.label, 'expected_from', e.effective_from
        )
    FROM code_release r
    LEFT JOIN LATERAL (
        SELECT e.label, e.effective_from
        FROM release_calendar e
        WHERE e.system = r.system AND e.effective_from > lower(r.valid)
          AND e.effective_from <= asked_on AND r.valid @> asked_on
        ORDER BY e.effective_from DESC
        LIMIT 1
    ) e ON true;
END;

-- Whether two versions of a code say something different. What one of them does not tell at all,
-- its place above or its short title, is no difference, and neither are accents: the order files
-- print titles without.
CREATE FUNCTION is_revision(old code_version, new code_version) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT
        old.kind <> new.kind OR old.is_billable <> new.is_billable
        OR old.search_text <> new.search_text
        OR COALESCE(old.short_title <> new.short_title, false)
        OR COALESCE(old.parent_id <> new.parent_id, false);
END;

-- What a version says of its code, as the catalogue shows it: a JSON object, null for no version.
CREATE FUNCTION saying_of(said code_version) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'kind', said.kind, 'is_billable', said.is_billable,
        'title', CASE WHEN s.full_descriptors_allowed THEN said.title END,
        'short_title', CASE WHEN s.full_descriptors_allowed THEN said.short_title END,
        'parent', p.value
    )
    FROM code_release r
    JOIN code_system s ON s.key = r.system
    LEFT JOIN code p ON p.id = said.parent_id
    WHERE r.id = said.release_id;
END;

-- A code through the loaded releases of its system, newest first: what each said that did not
-- repeat the one before it, and the first one that no longer had the code.
CREATE FUNCTION history_of(wanted_id integer) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH version AS (
        SELECT
            v.valid, v.title, v.is_billable, v.release_id,
            COALESCE(upper(lag(v.valid) OVER line) < lower(v.valid), true) AS is_beginning,
            is_revision(lag(v) OVER line, v) AS is_revised
        FROM code_version v
        WHERE v.code_id = wanted_id
        WINDOW line AS (ORDER BY lower(v.valid))
    ),
    placed AS (
        SELECT
            v.valid, v.title, v.is_billable, v.release_id, v.is_beginning,
            count(*) FILTER (WHERE v.is_beginning OR v.is_revised) OVER (ORDER BY lower(v.valid))
                AS place
        FROM version v
    ),
    said AS (
        SELECT
            p.place, range_merge(range_agg(p.valid)) AS valid, bool_or(p.is_beginning) AS is_beginning,
            (array_agg(p.title ORDER BY lower(p.valid)))[1] AS title,
            (array_agg(p.is_billable ORDER BY lower(p.valid)))[1] AS is_billable,
            min(p.release_id) AS release_id
        FROM placed p
        GROUP BY p.place
    ),
    entry AS (
        SELECT
            CASE
                WHEN NOT a.is_beginning THEN 'REVISED'
                WHEN EXISTS (
                    SELECT FROM code_release e
                    WHERE e.system = r.system AND lower(e.valid) < lower(a.valid)
                ) THEN 'ADDED'
                ELSE 'FIRST_LOADED'
            END AS change,
            r.label AS release_label, lower(a.valid) AS effective_from,
            upper(a.valid) - 1 AS effective_to,
            CASE WHEN s.full_descriptors_allowed THEN a.title END AS title, a.is_billable
        FROM said a
        JOIN code_release r ON r.id = a.release_id
        JOIN code_system s ON s.key = r.system
        UNION ALL
        -- Where a system was closed no release follows: its last one is named.
        SELECT 'ENDED', COALESCE(n.label, r.label), upper(a.valid), NULL, NULL, NULL
        FROM said a
        JOIN code_release r ON r.id = a.release_id
        LEFT JOIN code_release n ON n.system = r.system AND lower(n.valid) = upper(a.valid)
        WHERE NOT upper_inf(a.valid)
          AND NOT EXISTS (SELECT FROM said b WHERE lower(b.valid) = upper(a.valid))
    )
    SELECT jsonb_agg(to_jsonb(e) ORDER BY e.effective_from DESC) FROM entry e;
END;

-- migrate:down
