-- migrate:up

-- What puts a code under groups of another system: risk adjustment categories (HCC), clinical
-- classifications (CCSR), diagnostic categories (MDC), diagnosis related groups (MSDRG). Its map
-- release has the role GROUPING, the system of the member as source and that of the group as target.
CREATE TABLE group_member (
    map_release_id integer NOT NULL,
    code_id integer NOT NULL,
    group_id integer NOT NULL,
    -- Under what conditions, a row of group_condition; null for always.
    condition smallint,
    PRIMARY KEY (code_id, map_release_id, group_id)
);
CREATE INDEX group_member_of_group ON group_member (group_id, map_release_id);

-- The conditions that a release names, each combination of them once: any one of its texts is
-- enough.
CREATE TABLE group_condition (
    map_release_id integer NOT NULL REFERENCES map_release,
    number smallint NOT NULL,
    texts text[] NOT NULL CHECK (texts <> '{}'),
    PRIMARY KEY (map_release_id, number)
);

-- Foreign keys, said once a statement as for edge.
CREATE FUNCTION check_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM written w
        WHERE NOT EXISTS (SELECT FROM map_release m WHERE m.id = w.map_release_id)
           OR NOT EXISTS (SELECT FROM code c WHERE c.id = w.code_id)
           OR NOT EXISTS (SELECT FROM code c WHERE c.id = w.group_id)
           OR w.condition IS NOT NULL AND NOT EXISTS (
                SELECT FROM group_condition g
                WHERE g.map_release_id = w.map_release_id AND g.number = w.condition
              )
    ) THEN
        RAISE EXCEPTION 'a member of a group without its map, codes or condition'
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_inserted AFTER INSERT ON group_member
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION check_members();

-- The weight of a secondary diagnosis in MS-DRG (CMS, MS-DRG Definitions Manual, appendix C).
CREATE TABLE severity (
    fact_release_id integer NOT NULL REFERENCES fact_release,
    code_id integer NOT NULL REFERENCES code,
    level text NOT NULL CHECK (level IN ('CC', 'MCC')),
    -- The principal diagnoses beside which it weighs nothing, a row of exclusion_group.
    exclusion smallint NOT NULL,
    -- Whether it weighs only for patients who leave alive.
    only_alive boolean NOT NULL,
    -- The hospital-acquired condition it is one of, 1 to 14; null for none.
    acquired_condition smallint,
    PRIMARY KEY (code_id, fact_release_id)
);

CREATE TABLE exclusion_group (
    fact_release_id integer NOT NULL REFERENCES fact_release,
    number smallint NOT NULL,
    -- Codes in no order. Arrays, since a group is only ever asked whether it has one code.
    code_ids integer[] NOT NULL,
    PRIMARY KEY (fact_release_id, number)
);

-- Secondary diagnoses that weigh nothing in one MS-DRG (appendix C, part 3).
CREATE TABLE drg_exclusion (
    fact_release_id integer NOT NULL REFERENCES fact_release,
    drg_id integer NOT NULL REFERENCES code,
    code_ids integer[] NOT NULL,
    PRIMARY KEY (drg_id, fact_release_id)
);

-- Whether a diagnosis is a chronic condition (AHRQ, Chronic Condition Indicator Refined).
CREATE TABLE chronic_indicator (
    fact_release_id integer NOT NULL,
    code_id integer NOT NULL,
    -- 0 not chronic, 1 chronic, 9 no determination.
    indicator smallint NOT NULL CHECK (indicator IN (0, 1, 9)),
    PRIMARY KEY (code_id, fact_release_id)
);

-- How many references to codes a note holds; null until its text has been read for them, and for
-- notes of a kind that names none.
ALTER TABLE code_note ADD COLUMN reference_count smallint;

-- The codes that notes name, versioned with the note they stand in.
CREATE TABLE note_reference (
    note_id integer NOT NULL REFERENCES code_note,
    ordinal smallint NOT NULL,
    -- As printed: `E08-E13`, `F10.-`.
    raw text NOT NULL,
    -- Null where the text names nothing that any release has.
    target_id integer REFERENCES code,
    -- The last code of a range; null outside ranges.
    target_end_id integer REFERENCES code,
    -- Whether a dash tells that codes below are meant, `F10.-`.
    is_open boolean NOT NULL,
    -- What must hold of the codes meant, in the words of the note: `fifth or sixth character 1-4`.
    condition text,
    PRIMARY KEY (note_id, ordinal),
    CHECK (target_end_id IS NULL OR target_id IS NOT NULL)
);
CREATE INDEX note_reference_of_target ON note_reference (target_id);

-- Which editions exist from when: CMS publishes MS-DRG each October and updates it each April, risk
-- adjustment by the year of payment; AHRQ publishes its groupers each autumn.
INSERT INTO release_calendar (system, label, effective_from)
VALUES
    ('MSDRG', 'v44', '2026-10-01'),
    ('MDC', 'v44', '2026-10-01'),
    ('HCC', 'PY2027', '2027-01-01');
INSERT INTO map_calendar (kind, label, effective_from)
SELECT k.kind, 'v44', date '2026-10-01'
FROM (VALUES ('MDC_DX'), ('MDC_MSDRG'), ('MSDRG_DX'), ('MSDRG_PX'), ('SEVERITY')) AS k (kind)
UNION ALL
SELECT k.kind, 'PY2027', date '2027-01-01'
FROM (VALUES ('HCC_DX'), ('HCC_HIERARCHY')) AS k (kind)
UNION ALL
SELECT k.kind, 'v' || y.year || '.1', make_date(y.year - 1, 10, 1)
FROM (VALUES ('CCSR_DX'), ('CHRONIC')) AS k (kind)
CROSS JOIN generate_series(2024, 2026) AS y (year);

-- The editions of groupings in force on a day, of each kind one at most, with the latest edition that
-- the calendar knows of and that began after it.
CREATE FUNCTION grouping_releases_on(asked_on date)
RETURNS TABLE (id integer, is_fact boolean, kind text, body jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT
        r.id, r.is_fact, r.kind,
        jsonb_build_object(
            'kind', r.kind, 'label', r.label, 'effective_from', lower(r.valid),
            'effective_to', upper(r.valid) - 1, 'source', r.source, 'sha256', r.sha256,
            'expected_label', e.label, 'expected_from', e.effective_from
        )
    FROM (
        SELECT m.id, false AS is_fact, m.kind, m.label, m.valid, m.source, m.sha256
        FROM map_release m
        WHERE m.role = 'GROUPING' AND m.valid @> asked_on
        UNION ALL
        SELECT f.id, true, f.kind, f.label, f.valid, f.source, f.sha256
        FROM fact_release f
        WHERE f.kind IN ('SEVERITY', 'CHRONIC') AND f.valid @> asked_on
    ) r
    LEFT JOIN LATERAL (
        SELECT e.label, e.effective_from
        FROM map_calendar e
        WHERE e.kind = r.kind AND e.effective_from > lower(r.valid)
          AND e.effective_from <= asked_on
        ORDER BY e.effective_from DESC
        LIMIT 1
    ) e ON true;
END;

-- What the editions in force on a day say of one code: groups with the conditions they name, null
-- for none; or the weight as a secondary diagnosis; or the chronic condition indicator.
CREATE FUNCTION groupings_of(wanted_id integer, asked_on date)
RETURNS TABLE (
    kind text, group_id integer, texts text[], severity text, indicator smallint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT m.kind, g.group_id, c.texts, NULL::text, NULL::smallint
    FROM group_member g
    JOIN map_release m ON m.id = g.map_release_id
    LEFT JOIN group_condition c ON c.map_release_id = g.map_release_id AND c.number = g.condition
    WHERE g.code_id = wanted_id AND m.valid @> asked_on
    UNION ALL
    SELECT f.kind, NULL, NULL, s.level, NULL
    FROM severity s
    JOIN fact_release f ON f.id = s.fact_release_id
    WHERE s.code_id = wanted_id AND f.valid @> asked_on
    UNION ALL
    SELECT f.kind, NULL, NULL, NULL, i.indicator
    FROM chronic_indicator i
    JOIN fact_release f ON f.id = i.fact_release_id
    WHERE i.code_id = wanted_id AND f.valid @> asked_on;
END;

-- migrate:down
