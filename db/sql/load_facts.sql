-- name: open_fact_release
-- The id of the release of these facts that has no successor yet.
-- $1 kind.
SELECT f.id FROM fact_release f WHERE f.kind = $1::text AND upper_inf(f.valid);

-- name: keep_rationales
-- Stores the reasons that are not stored yet.
-- $1 texts.
INSERT INTO edit_rationale (text)
SELECT t.text FROM unnest($1::text[]) AS t (text)
ON CONFLICT (text) DO NOTHING;

-- name: rationales
-- The id of each reason, in no order.
-- $1 texts.
SELECT t.id, t.text FROM edit_rationale t WHERE t.text = ANY ($1::text[]);

-- name: pair_edit_difference
-- How many rules about pairs a release has that another has not, and the other way round.
-- $1 id of the release; $2 id of the other.
WITH new AS (
    SELECT
        p.column_one_id, p.column_two_id, p.effective_from, p.effective_to, p.modifier_indicator,
        p.rationale_id
    FROM pair_edit p WHERE p.fact_release_id = $1::integer
),
old AS (
    SELECT
        p.column_one_id, p.column_two_id, p.effective_from, p.effective_to, p.modifier_indicator,
        p.rationale_id
    FROM pair_edit p WHERE p.fact_release_id = $2::integer
)
SELECT
    (SELECT count(*) FROM (TABLE new EXCEPT TABLE old) d)::integer AS added,
    0 AS changed,
    (SELECT count(*) FROM (TABLE old EXCEPT TABLE new) d)::integer AS removed;

-- name: add_on_difference
-- The same for rules about add-on codes.
-- $1 id of the release; $2 id of the other.
WITH new AS (
    SELECT a.add_on_id, a.primary_id, a.type, a.effective_from, a.effective_to
    FROM add_on a WHERE a.fact_release_id = $1::integer
),
old AS (
    SELECT a.add_on_id, a.primary_id, a.type, a.effective_from, a.effective_to
    FROM add_on a WHERE a.fact_release_id = $2::integer
)
SELECT
    (SELECT count(*) FROM (TABLE new EXCEPT TABLE old) d)::integer AS added,
    0 AS changed,
    (SELECT count(*) FROM (TABLE old EXCEPT TABLE new) d)::integer AS removed;

-- name: payment_fact_difference
-- How many values a release tells of a code that another does not, and the other way round; one that
-- is another now counts on both sides, since a code may have several of one name.
-- $1 id of the release; $2 id of the other.
WITH new AS (
    SELECT p.code_id, p.name, p.value FROM payment_fact p WHERE p.fact_release_id = $1::integer
),
old AS (
    SELECT p.code_id, p.name, p.value FROM payment_fact p WHERE p.fact_release_id = $2::integer
)
SELECT
    (SELECT count(*) FROM (TABLE new EXCEPT ALL TABLE old) d)::integer AS added,
    0 AS changed,
    (SELECT count(*) FROM (TABLE old EXCEPT ALL TABLE new) d)::integer AS removed;

-- name: unit_limit_difference
-- How many codes a release limits that another does not, limits otherwise, or no longer limits.
-- $1 id of the release; $2 id of the other.
SELECT
    (count(*) FILTER (WHERE old.code_id IS NULL))::integer AS added,
    (count(*) FILTER (
        WHERE (new.units_per_day, new.adjudication, new.rationale)
            IS DISTINCT FROM (old.units_per_day, old.adjudication, old.rationale)
          AND new.code_id IS NOT NULL AND old.code_id IS NOT NULL
    ))::integer AS changed,
    (count(*) FILTER (WHERE new.code_id IS NULL))::integer AS removed
FROM (
    SELECT u.code_id, u.units_per_day, u.adjudication, u.rationale
    FROM unit_limit u WHERE u.fact_release_id = $1::integer
) new
FULL JOIN (
    SELECT u.code_id, u.units_per_day, u.adjudication, u.rationale
    FROM unit_limit u WHERE u.fact_release_id = $2::integer
) old ON old.code_id = new.code_id;

-- name: relative_value_difference
-- How many services a release of the fee schedule values that another does not, values otherwise, or
-- no longer values; the conversion factor, which is of the release, counts for none.
-- $1 id of the release; $2 id of the other.
SELECT
    (count(*) FILTER (WHERE old.code_id IS NULL))::integer AS added,
    (count(*) FILTER (WHERE new.body IS DISTINCT FROM old.body
        AND new.code_id IS NOT NULL AND old.code_id IS NOT NULL))::integer AS changed,
    (count(*) FILTER (WHERE new.code_id IS NULL))::integer AS removed
FROM (
    SELECT v.code_id, v.modifier, to_jsonb(v) - '{fact_release_id,conversion_factor}'::text[] AS body
    FROM relative_value v WHERE v.fact_release_id = $1::integer
) new
FULL JOIN (
    SELECT v.code_id, v.modifier, to_jsonb(v) - '{fact_release_id,conversion_factor}'::text[] AS body
    FROM relative_value v WHERE v.fact_release_id = $2::integer
) old ON old.code_id = new.code_id AND old.modifier = new.modifier;
