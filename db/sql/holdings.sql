-- name: holdings
-- The newest loaded release of every code system, map and kind of facts, null columns where none
-- is, and the newest edition that the calendar knows of when it began after that one: systems in
-- their order, then maps and facts by kind.
-- $1 the day that staleness is judged on; $2 the day by which an edition must have begun, null for any.
WITH subject AS (
    SELECT s.position::integer AS position, s.key AS subject, r.label, r.effective_from, r.row_count
    FROM code_system s
    LEFT JOIN LATERAL (
        SELECT r.label, lower(r.valid) AS effective_from, r.code_count AS row_count
        FROM code_release r
        WHERE r.system = s.key AND ($2::date IS NULL OR lower(r.valid) <= $2)
        ORDER BY lower(r.valid) DESC
        LIMIT 1
    ) r ON true
    UNION ALL
    SELECT 1000, k.kind, r.label, r.effective_from, r.row_count
    FROM (
        SELECT m.kind FROM map_release m
        UNION
        -- The calendar of maps has kinds of facts too.
        SELECT e.kind FROM map_calendar e
        WHERE NOT EXISTS (SELECT FROM fact_release f WHERE f.kind = e.kind)
    ) k
    LEFT JOIN LATERAL (
        SELECT m.label, lower(m.valid) AS effective_from, m.row_count
        FROM map_release m
        WHERE m.kind = k.kind
          AND ($2::date IS NULL OR lower(m.valid) IS NULL OR lower(m.valid) <= $2)
        ORDER BY lower(m.valid) DESC NULLS LAST
        LIMIT 1
    ) r ON true
    UNION ALL
    SELECT 2000, k.kind, r.label, r.effective_from, r.row_count
    FROM (SELECT f.kind FROM fact_release f UNION SELECT e.kind FROM fact_calendar e) k
    LEFT JOIN LATERAL (
        SELECT f.label, lower(f.valid) AS effective_from, f.row_count
        FROM fact_release f
        WHERE f.kind = k.kind
          AND ($2::date IS NULL OR lower(f.valid) IS NULL OR lower(f.valid) <= $2)
        ORDER BY lower(f.valid) DESC NULLS LAST
        LIMIT 1
    ) r ON true
)
SELECT
    s.subject, s.label, s.effective_from, s.row_count,
    e.label AS missing_label, e.effective_from AS missing_from
FROM subject s
LEFT JOIN LATERAL (
    SELECT e.label, e.effective_from
    FROM (
        SELECT c.system AS subject, c.label, c.effective_from FROM release_calendar c
        UNION ALL
        SELECT c.kind, c.label, c.effective_from FROM map_calendar c
        UNION ALL
        SELECT c.kind, c.label, c.effective_from FROM fact_calendar c
    ) e
    WHERE e.subject = s.subject AND e.effective_from <= $1::date
    ORDER BY e.effective_from DESC
    LIMIT 1
) e ON s.effective_from IS NULL OR e.effective_from > s.effective_from
ORDER BY s.position, s.subject;
