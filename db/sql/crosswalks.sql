-- name: translations
-- What each map says about each source, in the order asked, then in the order maps were loaded; a
-- source whose system has no such map gives one row without one. `source` is null for an unknown
-- code; `codes` holds the facts of the codes at the other end, `releases` those of all releases.
-- $1 systems of the sources; $2 their stored values, as many; $3 systems at the other end, null for
-- any; $4 whether to read maps backwards; $5 the day asked about; $6 most rows of each translation;
-- $7 rows of each to skip.
WITH map AS MATERIALIZED (
    SELECT
        m.id, m.body,
        CASE WHEN $4::boolean THEN m.target_system ELSE m.source_system END AS near_system,
        CASE WHEN $4::boolean THEN m.source_system ELSE m.target_system END AS far_system
    FROM map_releases_on($5::date) m
    WHERE m.role = 'CROSSWALK' AND m.valid @> $5::date
)
SELECT
    a.ordinal::integer AS ordinal, to_jsonb(s) AS source, m.body AS map_release, m.far_system,
    t.total_count, t.combination_count, t.no_map_count, t.equivalent_count, t.crosswalks, k.codes,
    (SELECT jsonb_agg(r.body) FROM releases_on($5::date) r) AS releases
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
