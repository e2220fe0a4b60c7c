-- name: unread_notes
-- The notes of a system that have not been read for references, in the order they were stored.
-- $1 system; $2 the kinds of notes that name codes.
SELECT n.id, n.text
FROM code_note n
JOIN code c ON c.id = n.code_id
WHERE c.system = $1::text AND n.reference_count IS NULL AND n.kind = ANY ($2::text[])
ORDER BY n.id;

-- name: systems_unread
-- The systems that have such notes, by key.
-- $1 the kinds of notes that name codes.
SELECT DISTINCT c.system
FROM code_note n
JOIN code c ON c.id = n.code_id
WHERE n.reference_count IS NULL AND n.kind = ANY ($1::text[])
ORDER BY c.system;

-- name: described
-- The codes of those named that some release describes, in no order.
-- $1 system; $2 stored values.
SELECT c.id, c.value
FROM code c
WHERE c.system = $1::text AND c.value = ANY ($2::text[])
  AND EXISTS (SELECT FROM code_version v WHERE v.code_id = c.id);

-- name: mark_read
-- Tells of notes how many references they hold.
-- $1 ids of notes; $2 references of each.
UPDATE code_note SET reference_count = r.total
FROM unnest($1::integer[], $2::smallint[]) AS r (id, total)
WHERE code_note.id = r.id;
