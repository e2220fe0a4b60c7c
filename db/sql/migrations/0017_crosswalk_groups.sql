-- migrate:up

-- CMS published the procedure mappings with those of diagnoses; those of 2018 were the last. CDC
-- publishes the conversion table with the codes of each October, and it holds all that went before.
INSERT INTO map_calendar (kind, label, effective_from)
SELECT k.kind, 'GEM-FY' || y.year, make_date(y.year - 1, 10, 1)
FROM (VALUES ('GEM_I9_PCS'), ('GEM_PCS_I9')) AS k (kind)
CROSS JOIN generate_series(2014, 2018) AS y (year)
UNION ALL
SELECT 'PREVIOUSLY_CODED_AS', 'FY' || y.year, make_date(y.year - 1, 10, 1)
FROM generate_series(2018, 2027) AS y (year);

-- Now also tells how many rows each choice list has, and what a row prints and dates by itself.
DROP FUNCTION translation_of(integer, integer, boolean, integer, integer);

-- What one map says about one code: how many rows of each sort; `lists`, a JSON array of [scenario,
-- choice list, rows in it] in their order, empty backwards, where rows of many sources meet; and
-- `crosswalks`, a JSON array of the rows behind the first `skipped`, `first` at most: single ones,
-- then those without a target, then combinations, by scenario, choice list and the other code.
CREATE FUNCTION translation_of(
    wanted_id integer, map_id integer, is_reverse boolean, first integer, skipped integer
)
RETURNS TABLE (
    total_count integer, combination_count integer, no_map_count integer,
    equivalent_count integer, lists jsonb, crosswalks jsonb
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT
        count(*)::integer,
        (count(*) FILTER (WHERE e.is_combination))::integer,
        (count(*) FILTER (WHERE e.is_no_map))::integer,
        (count(*) FILTER (WHERE e.relationship = 'EQUIVALENT'))::integer,
        COALESCE(
            -- PostgreSQL orders arrays of JSON by their items, and DISTINCT by that order.
            jsonb_agg(DISTINCT jsonb_build_array(e.scenario, e.choice_list, e.list_count))
                FILTER (WHERE e.is_combination AND NOT is_reverse),
            '[]'
        ),
        COALESCE(
            jsonb_agg(
                jsonb_build_object(
                    'id', e.id, 'source_id', e.source_id, 'target_id', e.target_id,
                    'relationship', e.relationship, 'is_approximate', e.is_approximate,
                    'is_combination', e.is_combination, 'scenario', e.scenario,
                    'choice_list', e.choice_list, 'map_release_id', e.map_release_id,
                    'printed', e.attrs ->> 'printed',
                    'effective_from', e.attrs ->> 'effective_from'
                )
                ORDER BY e.place
            ) FILTER (WHERE e.place > skipped AND e.place <= skipped + first),
            '[]'
        )
    FROM (
        SELECT
            e.id, e.source_id, e.target_id, e.relationship, e.is_approximate, e.is_no_map,
            e.is_combination, e.scenario, e.choice_list, e.map_release_id, e.attrs,
            row_number() OVER (
                ORDER BY e.is_combination, e.is_no_map, e.scenario NULLS FIRST,
                    e.choice_list NULLS FIRST, o.value, e.id
            ) AS place,
            count(*) OVER (PARTITION BY e.is_combination, e.scenario, e.choice_list) AS list_count
        FROM (
            SELECT f.id, f.source_id, f.target_id, f.relationship, f.is_approximate, f.is_no_map,
                f.is_combination, f.scenario, f.choice_list, f.map_release_id, f.attrs,
                f.target_id AS other_id
            FROM edge f
            WHERE NOT is_reverse AND f.source_id = wanted_id AND f.map_release_id = map_id
            UNION ALL
            SELECT b.id, b.source_id, b.target_id, b.relationship, b.is_approximate, b.is_no_map,
                b.is_combination, b.scenario, b.choice_list, b.map_release_id, b.attrs,
                b.source_id
            FROM edge b
            WHERE is_reverse AND b.target_id = wanted_id AND b.map_release_id = map_id
        ) e
        -- Nobody sees an order of no rows: counting alone need not look the other codes up.
        LEFT JOIN code o ON first > 0 AND o.id = e.other_id
    ) e;
END;

-- migrate:down
