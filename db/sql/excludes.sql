-- name: checked_codes
-- Each code asked about, in the order asked, as JSON; null for one that its system does not have.
-- `releases` are all releases of code systems.
-- $1 systems; $2 stored values, as many; $3 the day asked about.
SELECT
    a.ordinal::integer AS ordinal, to_jsonb(s) AS code,
    EXISTS (
        SELECT FROM code_release r WHERE r.system = a.system AND r.valid @> $3::date
    ) AS is_loaded,
    (SELECT jsonb_agg(r.body) FROM releases_on($3::date) r) AS releases
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (system, value, ordinal)
LEFT JOIN code c ON c.value = a.value AND c.system = a.system
LEFT JOIN LATERAL code_on(c.id, $3::date) s ON true
ORDER BY a.ordinal;

-- name: excludes
-- The excludes notes in force on a day that stand at one code of a list, or above it, and name
-- another one of it, or what is above that; by the places of both in the list, then as the notes
-- stand. `codes` has the facts of giver and targets.
-- $1 ids of codes, each once; $2 the day asked about; $3 most findings.
WITH RECURSIVE line (place, asked_id, id, distance) AS (
    SELECT a.place, a.id, a.id, 0
    FROM unnest($1::integer[]) WITH ORDINALITY AS a (id, place)
    UNION ALL
    SELECT l.place, l.asked_id, f.parent_id, l.distance + 1
    FROM line l
    CROSS JOIN LATERAL code_on(l.id, $2::date) f
    WHERE f.parent_id IS NOT NULL
),
placed AS MATERIALIZED (
    SELECT l.place, l.asked_id, l.id, l.distance, c.system, c.seq
    FROM line l
    JOIN code c ON c.id = l.id
),
named AS MATERIALIZED (
    SELECT
        l.place, l.asked_id, l.id AS giver_id, l.distance, n.kind, n.ordinal AS note_ordinal,
        n.text, r.ordinal, r.raw, r.condition, r.target_id, r.target_end_id,
        t.system, t.seq AS first_seq, COALESCE(e.seq, t.seq) AS last_seq
    FROM placed l
    -- A planner that takes the tree to be deep would rather read every note: OFFSET keeps it here.
    CROSS JOIN LATERAL (
        SELECT n.id, n.kind, n.ordinal, n.text
        FROM code_note n
        WHERE n.code_id = l.id AND n.kind IN ('EXCLUDES1', 'EXCLUDES2') AND n.valid @> $2::date
        OFFSET 0
    ) n
    JOIN note_reference r ON r.note_id = n.id
    JOIN code t ON t.id = r.target_id
    LEFT JOIN code e ON e.id = r.target_end_id
)
SELECT
    n.kind, n.asked_id, o.asked_id AS other_id, n.giver_id, n.text, n.raw, n.condition,
    n.target_id, n.target_end_id,
    (SELECT jsonb_agg(to_jsonb(f))
     FROM unnest(ARRAY [n.giver_id, n.target_id, n.target_end_id]) AS i (id)
     CROSS JOIN LATERAL code_on(i.id, $2::date) f) AS codes
FROM named n
-- Places in the list: a code below the last one of a range has that one above it.
JOIN placed o
    ON o.system = n.system AND o.seq BETWEEN n.first_seq AND n.last_seq AND o.place <> n.place
GROUP BY
    n.place, o.place, n.distance, n.note_ordinal, n.ordinal, n.kind, n.asked_id, o.asked_id,
    n.giver_id, n.text, n.raw, n.condition, n.target_id, n.target_end_id
ORDER BY n.place, o.place, n.distance, n.note_ordinal, n.ordinal
LIMIT $3::integer;
