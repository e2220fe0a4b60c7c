-- name: paths
-- The ways from each source through several maps and groupings, in the order asked. `source` is null for an
-- unknown code; `path_count` counts the ways that arrive, `chosen_count` the codes that a crosswalk
-- led to last, `combination_count` and `equivalent_count` the ways with a combination in them and
-- those of equivalences only; `paths` is a JSON array of ways behind the first $7, $6 at most, by the
-- codes on them: each an array of rows as of the function `translation_of`; `reached` an array of how
-- many codes each step has come to, `no_map_count` the rows that say there is none to go to; `maps` all maps in force, `groupings` the pairs of systems that groupings alone join, `codes` the facts of the codes named,
-- `releases` those of all releases, `walked` the steps taken in all, $4 where there were more.
-- $1 systems of the sources; $2 their stored values, as many; $3 the systems to go to, one after the
-- other; $4 most steps; $5 the day asked about; $6 most paths of each; $7 paths of each to skip.
WITH RECURSIVE map AS MATERIALIZED (
    SELECT m.id, m.role, m.source_system, m.target_system, m.body
    FROM map_releases_on($5::date) m
    WHERE m.role IN ('CROSSWALK', 'GROUPING') AND m.valid @> $5::date
),
walk (
    ordinal, step, system, code_id, chosen_id, is_equivalent, is_combination, trail, row_ids, hops
) AS (
    SELECT
        a.ordinal::integer, 0, a.system, c.id, c.id, true, false, ARRAY[]::text[],
        ARRAY[]::integer[], '[]'::jsonb
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (system, value, ordinal)
    JOIN code c ON c.value = a.value AND c.system = a.system
    UNION ALL
    SELECT
        w.ordinal, w.step + 1, m.target_system, e.target_id,
        -- A code is in all groups that hold it: being in several is no choice.
        CASE m.role WHEN 'GROUPING' THEN w.chosen_id ELSE e.target_id END,
        w.is_equivalent AND (m.role = 'GROUPING' OR e.relationship = 'EQUIVALENT'),
        w.is_combination OR e.is_combination, w.trail || t.value, w.row_ids || e.id,
        w.hops || jsonb_build_object(
            'id', e.id, 'source_id', w.code_id, 'target_id', e.target_id,
            'relationship', e.relationship, 'is_approximate', e.is_approximate,
            'is_combination', e.is_combination, 'scenario', e.scenario,
            'choice_list', e.choice_list, 'map_release_id', m.id,
            'printed', e.attrs ->> 'printed', 'effective_from', e.attrs ->> 'effective_from'
        )
    FROM walk w
    JOIN map m ON m.source_system = w.system AND m.target_system = ($3::text[])[w.step + 1]
    JOIN LATERAL (
        SELECT
            r.id, r.target_id, r.relationship, r.is_approximate, r.is_combination, r.scenario,
            r.choice_list, r.attrs
        FROM edge r
        WHERE r.source_id = w.code_id AND r.map_release_id = m.id
        UNION ALL
        -- What is in a group is narrower than the group; a condition stands as it is printed.
        SELECT
            g.group_id, g.group_id, 'SOURCE_NARROWER', false, false, NULL::smallint,
            NULL::smallint, jsonb_build_object('printed', array_to_string(n.texts, '; '))
        FROM group_member g
        LEFT JOIN group_condition n
            ON n.map_release_id = g.map_release_id AND n.number = g.condition
        WHERE g.code_id = w.code_id AND g.map_release_id = m.id
    ) e ON true
    -- A row without a target is a step into nothing, from which none goes on.
    LEFT JOIN code t ON t.id = e.target_id
),
-- Stops the walk when it grows too wide, whatever still waits to be walked.
walked AS MATERIALIZED (
    SELECT
        w.ordinal, w.step, w.code_id, w.chosen_id, w.is_equivalent, w.is_combination, w.trail,
        w.row_ids, w.hops
    FROM walk w
    LIMIT $4::integer
),
path AS (
    SELECT
        p.ordinal, count(*)::integer AS path_count,
        count(DISTINCT p.chosen_id)::integer AS chosen_count,
        (count(*) FILTER (WHERE p.is_combination))::integer AS combination_count,
        (count(*) FILTER (WHERE p.is_equivalent))::integer AS equivalent_count,
        jsonb_agg(p.hops ORDER BY p.place)
            FILTER (WHERE p.place > $7::integer AND p.place <= $7 + $6::integer) AS paths
    FROM (
        SELECT
            w.ordinal, w.chosen_id, w.is_equivalent, w.is_combination, w.hops,
            row_number() OVER (PARTITION BY w.ordinal ORDER BY w.trail, w.row_ids) AS place
        FROM walked w
        WHERE w.step = cardinality($3) AND w.code_id IS NOT NULL
    ) p
    GROUP BY p.ordinal
),
reach AS (
    SELECT
        r.ordinal, sum(r.no_map_count)::integer AS no_map_count,
        array_agg(r.code_count ORDER BY r.step) FILTER (WHERE r.code_count > 0) AS reached
    FROM (
        SELECT
            w.ordinal, w.step, count(DISTINCT w.code_id)::integer AS code_count,
            count(*) FILTER (WHERE w.code_id IS NULL) AS no_map_count
        FROM walked w
        WHERE w.step > 0
        GROUP BY w.ordinal, w.step
    ) r
    GROUP BY r.ordinal
)
SELECT
    a.ordinal::integer AS ordinal, to_jsonb(s) AS source, p.path_count, p.chosen_count,
    p.combination_count, p.equivalent_count, p.paths, r.reached, r.no_map_count, k.codes,
    (SELECT COALESCE(jsonb_agg(m.body), '[]') FROM map m) AS maps,
    (SELECT COALESCE(jsonb_agg(g.pair), '[]')
     FROM (
         SELECT jsonb_build_array(m.source_system, m.target_system) AS pair
         FROM map m
         GROUP BY m.source_system, m.target_system
         HAVING bool_and(m.role = 'GROUPING')
     ) g) AS groupings,
    (SELECT COALESCE(jsonb_agg(r.body), '[]') FROM releases_on($5::date) r) AS releases,
    (SELECT count(*)::integer FROM walked) AS walked
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (system, value, ordinal)
LEFT JOIN code c ON c.value = a.value AND c.system = a.system
LEFT JOIN LATERAL code_on(c.id, $5::date) s ON true
LEFT JOIN path p ON p.ordinal = a.ordinal
LEFT JOIN reach r ON r.ordinal = a.ordinal
LEFT JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(o)) AS codes
    FROM (
        SELECT DISTINCT n.id
        FROM jsonb_array_elements(p.paths) AS way (hops)
        CROSS JOIN LATERAL jsonb_to_recordset(way.hops) AS e (source_id integer, target_id integer)
        CROSS JOIN LATERAL (VALUES (e.source_id), (e.target_id)) AS n (id)
    ) n
    CROSS JOIN LATERAL code_on(n.id, $5::date) o
) k ON true
ORDER BY a.ordinal;
