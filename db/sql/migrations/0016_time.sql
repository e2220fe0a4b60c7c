-- migrate:up

-- A list of codes says nothing of notes. Those of the release before stand on then, and here is
-- written whose they are: null where no notes are loaded at all.
ALTER TABLE code_release ADD COLUMN notes_of text;
UPDATE code_release r SET notes_of = r.label
WHERE EXISTS (
    SELECT FROM code_note n JOIN code c ON c.id = n.code_id WHERE c.system = r.system
);

-- What a version is beside the one that holds until the day before it: the first to tell of its
-- code again, another word, or the same in all that both tell. A place above or a short title that
-- one of the two does not tell is no other word, and accents are none: order files have none.
-- Written by the load, which has both at hand: found out by a question, it would take comparing
-- whole systems.
ALTER TABLE code_version
    ADD COLUMN change text NOT NULL DEFAULT 'ADDED'
        CHECK (change IN ('ADDED', 'REVISED', 'REPEATED')),
    -- Whether the code is gone on the day after it.
    ADD COLUMN is_last boolean NOT NULL DEFAULT false;
UPDATE code_version v SET change = CASE
    WHEN b.kind <> v.kind OR b.is_billable <> v.is_billable OR b.search_text <> v.search_text
        OR b.short_title <> v.short_title OR b.parent_id <> v.parent_id THEN 'REVISED'
    ELSE 'REPEATED'
END
FROM code_version b
WHERE b.code_id = v.code_id AND upper(b.valid) = lower(v.valid);
UPDATE code_version v SET is_last = true
WHERE NOT upper_inf(v.valid) AND NOT EXISTS (
    SELECT FROM code_version a WHERE a.code_id = v.code_id AND lower(a.valid) = upper(v.valid)
);
CREATE INDEX code_version_begun ON code_version (lower(valid), release_id)
    WHERE change <> 'REPEATED';
CREATE INDEX code_version_ended ON code_version (upper(valid), release_id) WHERE is_last;

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
            v.valid, v.change, v.is_last, v.is_billable, r.label, r.system,
            CASE WHEN s.full_descriptors_allowed THEN v.title END AS title
        FROM code_version v
        JOIN code_release r ON r.id = v.release_id
        JOIN code_system s ON s.key = r.system
        WHERE v.code_id = wanted_id
    ),
    entry AS (
        SELECT
            CASE
                WHEN v.change = 'ADDED' AND NOT EXISTS (
                    SELECT FROM code_release e
                    WHERE e.system = v.system AND lower(e.valid) < lower(v.valid)
                ) THEN 'FIRST_LOADED'
                ELSE v.change
            END AS change,
            v.label AS release_label, lower(v.valid) AS effective_from, v.title, v.is_billable
        FROM version v
        WHERE v.change <> 'REPEATED'
        UNION ALL
        -- Where a system was closed no release follows: its last one is named.
        SELECT 'ENDED', COALESCE(r.label, v.label), upper(v.valid), NULL, NULL
        FROM version v
        LEFT JOIN code_release r ON r.system = v.system AND lower(r.valid) = upper(v.valid)
        WHERE v.is_last
    ),
    dated AS (
        SELECT
            e.change, e.release_label, e.effective_from,
            CASE WHEN e.change <> 'ENDED'
                THEN lead(e.effective_from) OVER (ORDER BY e.effective_from) - 1
            END AS effective_to,
            e.title, e.is_billable
        FROM entry e
    )
    SELECT jsonb_agg(to_jsonb(d) ORDER BY d.effective_from DESC) FROM dated d;
END;

-- migrate:down
