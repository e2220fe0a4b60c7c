-- name: pair_checks
-- One row about a list of codes: `codes`, the facts of those that exist, each with its places in the
-- list; `pairs`, for every two places the release that is in force for both systems, null for none,
-- and every rule that it has of the two, in force or not; `releases`, those of code systems.
-- $1 systems; $2 stored values, as many; $3 kinds of releases to ask, which hold no system in common;
-- $4 the day asked about.
WITH asked AS MATERIALIZED (
    SELECT a.ordinal, a.system, c.id
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (system, value, ordinal)
    LEFT JOIN code c ON c.value = a.value AND c.system = a.system
),
release AS MATERIALIZED (
    SELECT r.id, r.kind, r.systems, r.body
    FROM fact_releases_on($4::date) r
    WHERE r.kind = ANY ($3::text[]) AND r.valid @> $4::date
)
SELECT
    (SELECT jsonb_agg(to_jsonb(f) || jsonb_build_object('ordinals', a.ordinals))
     FROM (SELECT a.id, jsonb_agg(a.ordinal) AS ordinals FROM asked a GROUP BY a.id) a
     CROSS JOIN LATERAL code_on(a.id, $4::date) f) AS codes,
    (SELECT jsonb_agg(
         jsonb_build_object(
             'first', one.ordinal, 'second', two.ordinal, 'release', r.body, 'edits', e.edits
         )
         ORDER BY one.ordinal, two.ordinal)
     FROM asked one
     JOIN asked two ON two.ordinal > one.ordinal
     LEFT JOIN release r ON r.systems @> ARRAY [one.system, two.system]
     LEFT JOIN LATERAL (
         SELECT jsonb_agg(
             jsonb_build_object(
                 'column_one_id', p.column_one_id, 'column_two_id', p.column_two_id,
                 'kind', r.kind, 'modifier_indicator', p.modifier_indicator,
                 'rationale', (SELECT t.text FROM edit_rationale t WHERE t.id = p.rationale_id),
                 'effective_from', p.effective_from, 'effective_to', p.effective_to
             )
             ORDER BY p.effective_from, p.effective_to NULLS LAST, p.column_one_id <> one.id) AS edits
         FROM pair_edit p
         WHERE p.fact_release_id = r.id
           AND ((p.column_one_id = one.id AND p.column_two_id = two.id)
                OR (p.column_one_id = two.id AND p.column_two_id = one.id))
     ) e ON true) AS pairs,
    (SELECT jsonb_agg(r.body) FROM releases_on($4::date) r) AS releases;

-- name: unit_checks
-- For each code, in the order asked: its facts, null for one that nothing names; the release of
-- limits that is in force for its system, null for none; the limits it has, by setting; and the
-- releases of code systems.
-- $1 systems; $2 stored values, as many; $3 kinds of releases to ask, which hold no system in common;
-- $4 the day asked about.
SELECT
    to_jsonb(f) AS code, r.body AS release,
    (SELECT jsonb_agg(
         jsonb_build_object(
             'units_per_day', u.units_per_day, 'setting', u.setting,
             'adjudication', u.adjudication, 'rationale', u.rationale
         )
         ORDER BY u.setting NULLS FIRST)
     FROM unit_limit u
     WHERE u.code_id = c.id AND u.fact_release_id = r.id) AS limits,
    (SELECT jsonb_agg(s.body) FROM releases_on($4::date) s) AS releases
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (system, value, ordinal)
LEFT JOIN code c ON c.value = a.value AND c.system = a.system
LEFT JOIN LATERAL code_on(c.id, $4::date) f ON true
LEFT JOIN fact_releases_on($4::date) r
    ON r.kind = ANY ($3::text[]) AND r.valid @> $4::date AND r.systems @> ARRAY [a.system]
ORDER BY a.ordinal;

-- name: add_on_checks
-- For each code, in the order asked: its facts, null for one that nothing names; the release of rules
-- about add-on codes that is in force for its system, null for none; how many rules in force name the
-- code; and the releases of code systems.
-- $1 systems; $2 stored values, as many; $3 kinds of releases to ask, which hold no system in common;
-- $4 the day asked about.
SELECT
    to_jsonb(f) AS code, r.body AS release, n.total_count AS rule_count,
    (SELECT jsonb_agg(s.body) FROM releases_on($4::date) s) AS releases
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (system, value, ordinal)
LEFT JOIN code c ON c.value = a.value AND c.system = a.system
LEFT JOIN LATERAL code_on(c.id, $4::date) f ON true
LEFT JOIN LATERAL add_ons_of(c.id, $4::date, 0, 0) n ON true
LEFT JOIN fact_releases_on($4::date) r
    ON r.kind = ANY ($3::text[]) AND r.valid @> $4::date AND r.systems @> ARRAY [a.system]
ORDER BY a.ordinal;

-- name: pair_edits
-- A part of the rules about pairs that name each code and are in force, in the order asked, as
-- `pair_edits_of` gives them; `codes` holds the facts of the codes that they name.
-- $1 ids of codes; $2 the day asked about; $3 most rules of each; $4 rules of each to skip.
SELECT t.edits AS rows, k.codes, (SELECT jsonb_agg(r.body) FROM releases_on($2::date) r) AS releases
FROM unnest($1::integer[]) WITH ORDINALITY AS a (id, ordinal)
CROSS JOIN LATERAL pair_edits_of(a.id, $2::date, $3::integer, $4::integer) t
CROSS JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(f)) AS codes
    FROM (
        SELECT DISTINCT unnest(ARRAY [x.column_one_id, x.column_two_id]) AS id
        FROM jsonb_to_recordset(t.edits) AS x (column_one_id integer, column_two_id integer)
    ) x
    CROSS JOIN LATERAL code_on(x.id, $2::date) f
) k
ORDER BY a.ordinal;

-- name: add_ons
-- The same of the rules about add-on codes, as `add_ons_of` gives them.
-- $1 ids of codes; $2 the day asked about; $3 most rules of each; $4 rules of each to skip.
SELECT t.rules AS rows, k.codes, (SELECT jsonb_agg(r.body) FROM releases_on($2::date) r) AS releases
FROM unnest($1::integer[]) WITH ORDINALITY AS a (id, ordinal)
CROSS JOIN LATERAL add_ons_of(a.id, $2::date, $3::integer, $4::integer) t
CROSS JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(f)) AS codes
    FROM (
        SELECT DISTINCT unnest(ARRAY [x.add_on_id, x.primary_id]) AS id
        FROM jsonb_to_recordset(t.rules) AS x (add_on_id integer, primary_id integer)
    ) x
    CROSS JOIN LATERAL code_on(x.id, $2::date) f
) k
ORDER BY a.ordinal;
