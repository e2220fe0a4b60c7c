-- name: hold_code
-- Makes whoever else writes a text of the code wait until this transaction ends; its id, or no row.
-- $1 id of the code
SELECT c.id FROM code c WHERE c.id = $1::integer FOR UPDATE;

-- name: text_of_request
-- The version that a request wrote before: one row or none.
-- $1 name of the request
SELECT t.version, t.markdown, t.written_on, t.author, t.reason, t.copyright
FROM page_text t
WHERE t.request = $1::text;

-- name: text_versions
-- The versions of a text, newest first.
-- $1 id of the code, $2 section, $3 most versions
SELECT t.version, t.markdown, t.written_on, t.author, t.reason, t.copyright
FROM page_text t
WHERE t.code_id = $1::integer AND t.section = $2::text
ORDER BY t.version DESC
LIMIT $3::integer;

-- name: add_text_version
-- Stores a version of a text, which is one more than the newest: the version.
-- $1 id of the code, $2 section, $3 version, $4 day, $5 text, null to withdraw it, $6 copyright
-- line, $7 author, $8 reason, $9 name of the request
INSERT INTO page_text
    (code_id, section, version, written_on, markdown, copyright, author, reason, request)
VALUES (
    $1::integer, $2::text, $3::smallint, $4::date, $5::text, $6::text, $7::text, $8::text, $9::text
)
RETURNING version, markdown, written_on, author, reason, copyright;
