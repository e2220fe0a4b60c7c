-- name: changes
-- What the releases of a system changed after one day, until another, one row for each change, by
-- day, then in the publisher's order; every row counts all changes of the time, and a time without
-- any behind the cursor gives one row without an id. `before` and `after` are what was said of the
-- code on the days around, null where nothing was.
-- $1 system; $2 the last day of what was before; $3 the last day of the time; $4 most changes;
-- $5 the day, $6 the seq and $7 the id of the code after which they begin, null for the first.
WITH release AS MATERIALIZED (SELECT r.id, r.body FROM releases_on($3::date) r),
-- The releases of the system; none where nothing had begun, since then nothing can be told.
told AS MATERIALIZED (
    SELECT r.id
    FROM code_release r
    WHERE r.system = $1::text AND EXISTS (
        SELECT FROM code_release b WHERE b.system = $1::text AND lower(b.valid) <= $2::date
    )
),
version AS (
    SELECT v.code_id, lower(v.valid) AS changed_on, b AS before, v AS after
    FROM code_version v
    LEFT JOIN code_version b ON b.code_id = v.code_id AND upper(b.valid) = lower(v.valid)
    WHERE v.change <> 'REPEATED' AND lower(v.valid) > $2::date AND lower(v.valid) <= $3::date
      AND v.release_id = ANY (ARRAY(SELECT t.id FROM told t))
    UNION ALL
    SELECT v.code_id, upper(v.valid), v, NULL
    FROM code_version v
    WHERE v.is_last AND upper(v.valid) > $2::date AND upper(v.valid) <= $3::date
      AND v.release_id = ANY (ARRAY(SELECT t.id FROM told t))
),
change AS MATERIALIZED (
    SELECT
        v.code_id, c.seq, v.changed_on, v.before, v.after,
        COALESCE((v.before).is_billable, false) AS was_billable,
        COALESCE((v.after).is_billable, false) AS is_billable
    FROM version v
    JOIN code c ON c.id = v.code_id
)
SELECT
    t.total_count, t.added, t.ended, t.billable_added, t.billable_ended, t.billable_retitled,
    EXISTS (SELECT FROM told) AS is_loaded,
    (SELECT e.body FROM release e JOIN code_release r ON r.id = e.id
     WHERE r.system = $1::text AND r.valid @> $2::date) AS release_before,
    (SELECT e.body FROM release e JOIN code_release r ON r.id = e.id
     WHERE r.system = $1::text AND r.valid @> $3::date) AS release_after,
    p.left_count, p.changed_on, p.before, p.after,
    f.id, f.system, f.value, f.seq, f.starts, f.ends_before, f.kind, f.parent_id, f.is_billable,
    f.title, f.short_title, f.is_system_loaded, r.body AS release
FROM (
    SELECT
        count(*)::integer AS total_count,
        (count(*) FILTER (WHERE c.before IS NULL))::integer AS added,
        (count(*) FILTER (WHERE c.after IS NULL))::integer AS ended,
        (count(*) FILTER (WHERE c.is_billable AND NOT c.was_billable))::integer AS billable_added,
        (count(*) FILTER (WHERE c.was_billable AND NOT c.is_billable))::integer AS billable_ended,
        (count(*) FILTER (
            WHERE c.was_billable AND c.is_billable
              AND ((c.before).search_text <> (c.after).search_text
                   OR COALESCE((c.before).short_title <> (c.after).short_title, false))
        ))::integer AS billable_retitled
    FROM change c
) t
LEFT JOIN LATERAL (
    SELECT
        c.code_id, c.seq, c.changed_on, count(*) OVER ()::integer AS left_count,
        saying_of(c.before) AS before, saying_of(c.after) AS after
    FROM change c
    WHERE $5::date IS NULL
       OR (c.changed_on, c.seq, c.code_id) > ($5::date, $6::integer, $7::integer)
    ORDER BY c.changed_on, c.seq, c.code_id
    LIMIT $4::integer
) p ON true
LEFT JOIN LATERAL code_on(p.code_id, $3::date) f ON true
LEFT JOIN release r ON r.id = f.release_id
ORDER BY p.changed_on, p.seq, p.code_id;
