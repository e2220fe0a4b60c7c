-- name: groupings
-- What the groupings in force on a day say of each code, in the order asked, each as JSON: the code,
-- null for an unknown one; the rows of `groupings_of`; the facts of the groups; the editions in
-- force; all releases of code systems.
-- $1 systems; $2 stored values, as many; $3 the day asked about.
SELECT
    a.ordinal::integer AS ordinal, to_jsonb(s) AS code, k.groupings, k.codes,
    (SELECT jsonb_agg(r.body) FROM grouping_releases_on($3::date) r) AS editions,
    (SELECT jsonb_agg(r.body) FROM releases_on($3::date) r) AS releases
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (system, value, ordinal)
LEFT JOIN code c ON c.value = a.value AND c.system = a.system
LEFT JOIN LATERAL code_on(c.id, $3::date) s ON true
LEFT JOIN LATERAL (
    SELECT
        jsonb_agg(to_jsonb(g) ORDER BY o.system, o.seq, o.value) AS groupings,
        jsonb_agg(to_jsonb(o)) FILTER (WHERE o.id IS NOT NULL) AS codes
    FROM groupings_of(c.id, $3::date) g
    LEFT JOIN LATERAL code_on(g.group_id, $3::date) o ON true
) k ON true
ORDER BY a.ordinal;

-- name: members
-- The members of a group in the edition in force, in the order of their system: one row for each of
-- the part asked for, or one without `member` where it is empty. `total_count` counts all. An MS-DRG
-- has the members of the group that it belongs to. `grouped` is the group, null for an unknown one.
-- $1 system of the group; $2 its stored value; $3 kind of grouping; $4 the day asked about; $5 most
-- members; $6 how many to skip.
WITH grouped AS MATERIALIZED (
    SELECT f.id, f.parent_id, to_jsonb(f) AS body
    FROM code c
    CROSS JOIN LATERAL code_on(c.id, $4::date) f
    WHERE c.value = $2::text AND c.system = $1::text
),
edition AS MATERIALIZED (
    SELECT r.id, r.body
    FROM grouping_releases_on($4::date) r
    WHERE r.kind = $3::text AND NOT r.is_fact
),
member AS MATERIALIZED (
    SELECT g.code_id, g.map_release_id, g.condition
    FROM grouped p
    CROSS JOIN LATERAL unnest(ARRAY [p.id, p.parent_id]) AS i (id)
    CROSS JOIN edition e
    JOIN group_member g ON g.group_id = i.id AND g.map_release_id = e.id
)
SELECT
    (SELECT p.body FROM grouped p) AS grouped,
    (SELECT jsonb_agg(e.body) FROM edition e) AS editions,
    (SELECT count(*)::integer FROM member) AS total_count,
    (SELECT jsonb_agg(r.body) FROM releases_on($4::date) r) AS releases,
    to_jsonb(f) AS member, t.texts
FROM (VALUES (1)) AS one (row)
LEFT JOIN LATERAL (
    SELECT m.code_id, m.map_release_id, m.condition, c.seq, c.value
    FROM member m
    JOIN code c ON c.id = m.code_id
    ORDER BY c.seq, c.value
    LIMIT $5::integer OFFSET $6::integer
) m ON true
LEFT JOIN group_condition t ON t.map_release_id = m.map_release_id AND t.number = m.condition
LEFT JOIN LATERAL code_on(m.code_id, $4::date) f ON true
ORDER BY m.seq, m.value;
