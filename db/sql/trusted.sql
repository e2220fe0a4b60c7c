-- name: add_documents
-- Adds documents; the names of those that were not known, in no order.
-- $1 names; $2 texts, as many
INSERT INTO trusted_document (id, document)
SELECT d.id, d.document FROM unnest($1::text[], $2::text[]) AS d (id, document)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: trusted_document
-- The text of a document, no row when nobody added it.
-- $1 its name
SELECT document FROM trusted_document WHERE id = $1::text;

-- name: trusted_documents
-- Every name and when it was added, the oldest first.
SELECT id, document, added_at FROM trusted_document ORDER BY added_at, id;
