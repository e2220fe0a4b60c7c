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
