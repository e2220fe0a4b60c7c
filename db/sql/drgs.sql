-- name: drgs_of_groups
-- The MS-DRGs of each group, or the one that is alone, with the diagnostic category of each, null for
-- none, and whether lists of procedures stand under the group too; by group in the order asked, then
-- by number. `releases` are all releases of code systems.
-- $1 ids of groups; $2 the day asked about.
SELECT
    a.id AS group_id, to_jsonb(f) AS drg, to_jsonb(m) AS category,
    EXISTS (
        SELECT
        FROM group_member g
        JOIN map_release r ON r.id = g.map_release_id
        WHERE g.group_id = a.id AND r.kind = 'MSDRG_PX' AND r.valid @> $2::date
    ) AS has_procedures,
    (SELECT jsonb_agg(r.body) FROM releases_on($2::date) r) AS releases
FROM unnest($1::integer[]) WITH ORDINALITY AS a (id, ordinal)
CROSS JOIN LATERAL (
    SELECT v.code_id AS id
    FROM code_version v
    WHERE v.parent_id = a.id AND v.valid @> $2::date
    UNION ALL
    SELECT a.id
    WHERE NOT EXISTS (
        SELECT FROM code_version v WHERE v.parent_id = a.id AND v.valid @> $2::date
    )
) d
CROSS JOIN LATERAL code_on(d.id, $2::date) f
LEFT JOIN LATERAL (
    SELECT g.group_id
    FROM groupings_of(d.id, $2::date) g
    WHERE g.kind = 'MDC_MSDRG'
) c ON true
LEFT JOIN LATERAL code_on(c.group_id, $2::date) m ON true
ORDER BY a.ordinal, f.value;

-- name: weights
-- What each diagnosis weighs as a secondary one, whether a principal diagnosis takes that away, and
-- the MS-DRGs in which it weighs nothing, as JSON; nothing for one without a weight.
-- $1 ids of secondary diagnoses; $2 id of the principal one, null for none; $3 the day asked about.
SELECT
    s.code_id, s.only_alive, s.acquired_condition,
    COALESCE($2::integer = ANY (x.code_ids), false) AS is_excluded,
    (SELECT jsonb_agg(to_jsonb(f) ORDER BY f.value)
     FROM drg_exclusion d
     CROSS JOIN LATERAL code_on(d.drg_id, $3::date) f
     WHERE d.fact_release_id = s.fact_release_id AND s.code_id = ANY (d.code_ids)) AS excluded_in,
    (SELECT jsonb_agg(r.body) FROM releases_on($3::date) r) AS releases
FROM severity s
JOIN fact_release r ON r.id = s.fact_release_id
LEFT JOIN exclusion_group x
    ON x.fact_release_id = s.fact_release_id AND x.number = s.exclusion
WHERE s.code_id = ANY ($1::integer[]) AND r.valid @> $3::date
ORDER BY s.code_id;
