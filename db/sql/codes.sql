-- name: systems
-- Every code system in its order, with `releases`, a JSON array, newest first, and the newest
-- edition that the calendar knows of when it began after all of those.
-- $1 the day that staleness is judged on.
SELECT
    s.key, s.name, s.publisher, s.uri, s.license_notice, s.full_descriptors_allowed, s.closed_on,
    COALESCE(
        (SELECT jsonb_agg(r.body ORDER BY r.body ->> 'effective_from' DESC)
         FROM releases_on($1::date) r
         WHERE r.body ->> 'system' = s.key),
        '[]'
    ) AS releases,
    e.label AS missing_label, e.effective_from AS missing_from
FROM code_system s
LEFT JOIN LATERAL (
    SELECT c.label, c.effective_from
    FROM release_calendar c
    WHERE c.system = s.key AND c.effective_from <= $1::date
    ORDER BY c.effective_from DESC
    LIMIT 1
) e ON NOT EXISTS (
    SELECT FROM code_release r WHERE r.system = s.key AND lower(r.valid) >= e.effective_from
)
ORDER BY s.position;

-- name: codes_by_ref
-- What each reference may mean, in the order asked, then in system order; a reference that no code
-- answers to gives one row without an id, which says why in the columns of `absence_on`.
-- $1 systems, null for any; $2 stored values, as many; $3 the day asked about.
WITH release AS MATERIALIZED (SELECT r.id, r.body FROM releases_on($3::date) r)
SELECT
    a.ordinal::integer AS ordinal,
    n.is_asked_system_loaded, n.newest_release, n.is_beginning,
    f.id, f.system, f.value, f.seq, f.starts, f.ends_before, f.kind, f.parent_id, f.is_billable,
    f.title, f.short_title, f.is_system_loaded, r.body AS release
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (system, value, ordinal)
LEFT JOIN code c ON c.value = a.value AND (a.system IS NULL OR c.system = a.system)
LEFT JOIN LATERAL code_on(c.id, $3::date) f ON true
LEFT JOIN LATERAL (
    SELECT n.is_system_loaded AS is_asked_system_loaded, n.newest_release, n.is_beginning
    FROM absence_on(a.system, a.value, $3::date) n
    WHERE f.id IS NULL
) n ON true
LEFT JOIN code_system s ON s.key = f.system
LEFT JOIN release r ON r.id = f.release_id
ORDER BY a.ordinal, s.position;

-- name: is_anything_loaded
-- One row: whether the catalogue holds a release of any code system.
SELECT EXISTS (SELECT FROM code_release) AS is_loaded;

-- name: map_releases
-- Every release of a map that answers tell of, in the order they were loaded.
-- $1 the day that staleness is judged on.
SELECT m.id, m.body
FROM map_releases_on($1::date) m
WHERE m.role IN ('CROSSWALK', 'SUCCESSION', 'GROUPING')
ORDER BY m.id;

-- name: children
-- The codes right below each parent that are in force on the day, in the order asked, then in the
-- publisher's order; `total_count` counts all of that parent, `left_count` those after the cursor.
-- A parent with nothing after its cursor gives one row without an id.
-- $1 ids of parents; $2 most children of each; $3 the seq after which each begins, null for the
-- first; $4 the day asked about.
WITH release AS MATERIALIZED (SELECT r.id, r.body FROM releases_on($4::date) r)
SELECT
    a.ordinal::integer AS ordinal, total.total_count, page.left_count,
    f.id, f.system, f.value, f.seq, f.starts, f.ends_before, f.kind, f.parent_id, f.is_billable,
    f.title, f.short_title, f.is_system_loaded, r.body AS release
FROM unnest($1::integer[], $2::integer[], $3::integer[])
    WITH ORDINALITY AS a (parent_id, first, after_seq, ordinal)
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS total_count
    FROM code_version v
    WHERE v.parent_id = a.parent_id AND v.valid @> $4::date
) total
LEFT JOIN LATERAL (
    SELECT c.id, c.seq, count(*) OVER ()::integer AS left_count
    FROM code_version v
    JOIN code c ON c.id = v.code_id
    WHERE v.parent_id = a.parent_id AND v.valid @> $4::date
      AND (a.after_seq IS NULL OR c.seq > a.after_seq)
    ORDER BY c.seq
    LIMIT a.first
) page ON true
LEFT JOIN LATERAL code_on(page.id, $4::date) f ON true
LEFT JOIN release r ON r.id = f.release_id
ORDER BY a.ordinal, f.seq;

-- name: ancestors
-- The codes above each code, from the root down; nothing for a root.
-- $1 ids; $2 the day asked about.
WITH RECURSIVE release AS MATERIALIZED (SELECT r.id, r.body FROM releases_on($2::date) r),
line (descendant_id, ancestor_id, distance) AS (
    SELECT f.id, f.parent_id, 1
    FROM unnest($1::integer[]) AS a (id)
    CROSS JOIN LATERAL code_on(a.id, $2::date) f
    UNION ALL
    SELECT l.descendant_id, f.parent_id, l.distance + 1
    FROM line l
    CROSS JOIN LATERAL code_on(l.ancestor_id, $2::date) f
)
SELECT
    l.descendant_id,
    f.id, f.system, f.value, f.seq, f.starts, f.ends_before, f.kind, f.parent_id, f.is_billable,
    f.title, f.short_title, f.is_system_loaded, r.body AS release
FROM line l
CROSS JOIN LATERAL code_on(l.ancestor_id, $2::date) f
LEFT JOIN release r ON r.id = f.release_id
ORDER BY l.descendant_id, l.distance DESC;

-- name: catalogue_version
-- One row: how many changes the catalogue has had.
SELECT v.number FROM catalogue_version v;
