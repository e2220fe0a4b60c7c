-- name: hierarchy
-- One row: whether any diagnosis leads to a category of the model in the edition in force; and of
-- several categories each that drops with each that lets it drop, as JSON, null for none.
-- $1 the model; $2 ids of the categories; $3 the day asked about.
SELECT
    EXISTS (
        SELECT
        FROM code c
        JOIN group_member g ON g.group_id = c.id
        JOIN map_release m ON m.id = g.map_release_id
        -- The range is what an index can find, under any collation.
        WHERE c.value >= $1::text || '-' AND c.value <= $1::text || '-' || repeat('Z', 20)
          AND starts_with(c.value, $1::text || '-') AND c.system = 'HCC'
          AND m.kind = 'HCC_DX' AND m.valid @> $3::date
    ) AS has_members,
    (SELECT jsonb_agg(jsonb_build_object('dropped_id', g.code_id, 'above_id', g.group_id)
                      ORDER BY above.seq)
     FROM unnest($2::integer[]) AS a (id)
     JOIN group_member g ON g.code_id = a.id AND g.group_id = ANY ($2::integer[])
     JOIN code above ON above.id = g.group_id
     JOIN map_release m ON m.id = g.map_release_id
     WHERE m.kind = 'HCC_HIERARCHY' AND m.valid @> $3::date) AS dropped;
