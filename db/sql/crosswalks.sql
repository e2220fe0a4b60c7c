-- name: translations
-- What each map says about each source, in the order asked, then in the order maps were loaded; a
-- source whose system has no such map gives one row without one. `source` is null for an unknown
-- code; `codes` holds the facts of the codes at the other end, `releases` those of all releases. What
-- new codes were coded as before is told only where $3 names the very system.
-- $1 systems of the sources; $2 their stored values, as many; $3 systems at the other end, null for
-- any; $4 whether to read maps backwards; $5 the day asked about; $6 most rows of each translation;
-- $7 rows of each to skip.
WITH map AS MATERIALIZED (
    SELECT
        m.id, m.body,
        CASE WHEN $4::boolean THEN m.target_system ELSE m.source_system END AS near_system,
        CASE WHEN $4::boolean THEN m.source_system ELSE m.target_system END AS far_system
    FROM map_releases_on($5::date) m
    WHERE m.valid @> $5::date
      AND (m.role = 'CROSSWALK' OR m.role = 'SUCCESSION' AND m.target_system = ANY ($3::text[]))
)
SELECT
    a.ordinal::integer AS ordinal, to_jsonb(s) AS source, m.body AS map_release, m.far_system,
    t.total_count, t.combination_count, t.no_map_count, t.equivalent_count, t.lists,
    t.crosswalks, k.codes,
    (SELECT COALESCE(jsonb_agg(r.body), '[]') FROM releases_on($5::date) r) AS releases
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (system, value, ordinal)
LEFT JOIN code c ON c.value = a.value AND c.system = a.system
LEFT JOIN LATERAL code_on(c.id, $5::date) s ON true
LEFT JOIN map m
    ON m.near_system = a.system AND ($3::text[] IS NULL OR m.far_system = ANY ($3::text[]))
LEFT JOIN LATERAL translation_of(c.id, m.id, $4::boolean, $6::integer, $7::integer) t ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(o)) AS codes
    FROM jsonb_to_recordset(t.crosswalks) AS e (source_id integer, target_id integer)
    CROSS JOIN LATERAL code_on(
        CASE WHEN $4::boolean THEN e.source_id ELSE e.target_id END, $5::date
    ) o
) k ON true
ORDER BY a.ordinal, m.id;

-- name: rows
-- A part of the rows that a map has for a code, as the function `translation_of` gives them, in the
-- order asked; `codes` holds the facts of the codes at both ends, `releases` those of all releases.
-- $1 ids of codes; $2 ids of releases of maps; $3 whether each is read backwards; $4 most rows of
-- each; $5 rows of each to skip; all of one length; $6 the day asked about.
SELECT
    t.crosswalks, k.codes,
    (SELECT COALESCE(jsonb_agg(r.body), '[]') FROM releases_on($6::date) r) AS releases
FROM unnest($1::integer[], $2::integer[], $3::boolean[], $4::integer[], $5::integer[])
    WITH ORDINALITY AS a (code_id, map_id, is_reverse, first, skipped, ordinal)
CROSS JOIN LATERAL translation_of(a.code_id, a.map_id, a.is_reverse, a.first, a.skipped) t
LEFT JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(o)) AS codes
    FROM (
        SELECT e.source_id AS id
        FROM jsonb_to_recordset(t.crosswalks) AS e (source_id integer)
        UNION
        SELECT e.target_id
        FROM jsonb_to_recordset(t.crosswalks) AS e (target_id integer)
    ) n
    CROSS JOIN LATERAL code_on(n.id, $6::date) o
) k ON true
ORDER BY a.ordinal;

-- name: below
-- What a map says about the billable codes below each code that are in force on the day: in the
-- order asked, then in the publisher's. `total_count` counts all of them, `left_count` those after
-- the cursor; a code with none after its cursor gives one row without a source. Other columns as of
-- `translations`.
-- $1 ids of codes; $2 ids of releases of maps; $3 whether each is read backwards; $4 most codes of
-- each; $5 the seq after which each begins, null for the first; all of one length; $6 most rows of
-- each translation; $7 the day asked about.
SELECT
    a.ordinal::integer AS ordinal, b.below_count, p.left_count, p.seq, to_jsonb(s) AS source,
    t.total_count, t.combination_count, t.no_map_count, t.equivalent_count, t.lists, t.crosswalks,
    k.codes, m.body AS map_release,
    (SELECT COALESCE(jsonb_agg(r.body), '[]') FROM releases_on($7::date) r) AS releases
FROM unnest($1::integer[], $2::integer[], $3::boolean[], $4::integer[], $5::integer[])
    WITH ORDINALITY AS a (code_id, map_id, is_reverse, first, after_seq, ordinal)
JOIN map_releases_on($7::date) m ON m.id = a.map_id
CROSS JOIN LATERAL (
    WITH RECURSIVE line (id, is_billable) AS (
        SELECT a.code_id, false
        UNION ALL
        SELECT v.code_id, v.is_billable
        FROM line l
        JOIN code_version v ON v.parent_id = l.id
        WHERE v.valid @> $7::date
    )
    SELECT array_agg(l.id) FILTER (WHERE l.is_billable) AS ids,
        (count(*) FILTER (WHERE l.is_billable))::integer AS below_count
    FROM line l
) b
LEFT JOIN LATERAL (
    SELECT c.id, c.seq, count(*) OVER ()::integer AS left_count
    FROM unnest(b.ids) AS i (id)
    JOIN code c ON c.id = i.id
    WHERE a.after_seq IS NULL OR c.seq > a.after_seq
    ORDER BY c.seq
    LIMIT a.first
) p ON true
LEFT JOIN LATERAL code_on(p.id, $7::date) s ON true
LEFT JOIN LATERAL translation_of(p.id, a.map_id, a.is_reverse, $6::integer, 0) t
    ON p.id IS NOT NULL
LEFT JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(o)) AS codes
    FROM jsonb_to_recordset(t.crosswalks) AS e (source_id integer, target_id integer)
    CROSS JOIN LATERAL code_on(
        CASE WHEN a.is_reverse THEN e.source_id ELSE e.target_id END, $7::date
    ) o
) k ON true
ORDER BY a.ordinal, p.seq;
