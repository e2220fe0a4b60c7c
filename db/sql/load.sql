-- name: hold_loading
-- Makes every other load wait until this transaction ends.
SELECT pg_advisory_xact_lock(hashtext('codestile load'));

-- name: tell_changed
-- Tells every server, when this transaction commits, that the catalogue changed; the number of the
-- change.
-- $1 the releases that were loaded, as reports call them.
SELECT catalogue_changed($1::text[]) AS number;

-- name: code_release
-- The release with this label, if it is loaded: its sha256 and how many codes it has.
-- $1 system; $2 label.
SELECT r.sha256, r.code_count AS row_count
FROM code_release r
WHERE r.system = $1::text AND r.label = $2::text;

-- name: later_code_releases
-- Labels of releases that begin on the day or after it, or that ended for good after it; newest
-- first.
-- $1 system; $2 the first day of the release to load.
SELECT r.label
FROM code_release r
WHERE r.system = $1::text
  AND (lower(r.valid) >= $2::date OR (NOT upper_inf(r.valid) AND upper(r.valid) > $2::date))
ORDER BY lower(r.valid) DESC;

-- name: system_closes_on
-- The last day of a system; null while it is maintained.
-- $1 system.
SELECT s.closed_on FROM code_system s WHERE s.key = $1::text;

-- name: close_code_release
-- Ends the open release of a system the day before its successor begins.
-- $1 system; $2 the successor's first day.
UPDATE code_release SET valid = daterange(lower(valid), $2::date)
WHERE system = $1::text AND upper_inf(valid);

-- name: add_code_release
-- Stores a release; its id.
-- $1 system; $2 label; $3 valid; $4 publisher; $5 source; $6 sha256; $7 codes in it; $8 label of
-- the release whose notes stand in it, null for none.
INSERT INTO code_release (system, label, valid, publisher, source, sha256, code_count, notes_of)
VALUES (
    $1::text, $2::text, $3::daterange, $4::text, $5::text, $6::text, $7::integer, $8::text
)
RETURNING id;

-- name: identities
-- Every code of a system, in no order; `is_described` tells whether any release has said a word of
-- it, or only maps name it.
-- $1 system.
SELECT
    c.id, c.value, c.seq,
    EXISTS (SELECT FROM code_version v WHERE v.code_id = c.id) AS is_described
FROM code c
WHERE c.system = $1::text;

-- name: kinds
-- Every code of a system with the kind that its last version gives it, in no order; null for one
-- that only maps name.
-- $1 system.
SELECT
    c.value,
    (SELECT v.kind FROM code_version v WHERE v.code_id = c.id ORDER BY lower(v.valid) DESC LIMIT 1)
        AS kind
FROM code c
WHERE c.system = $1::text;

-- name: open_versions
-- What is said of every code of a system from a day on, in no order; `last_day` is null while open.
-- $1 system; $2 the day, on which or after which no version begins.
SELECT
    v.code_id, v.kind, v.title, v.is_billable, v.short_title, v.parent_id, v.depth,
    upper(v.valid) - 1 AS last_day
FROM code_version v
JOIN code c ON c.id = v.code_id
WHERE c.system = $1::text AND (upper_inf(v.valid) OR upper(v.valid) > $2::date);

-- name: described
-- The codes of a system of which some release has said something, in no order.
-- $1 system.
SELECT c.id
FROM code c
WHERE c.system = $1::text AND EXISTS (SELECT FROM code_version v WHERE v.code_id = c.id);

-- name: open_release
-- The release of a system that is open, if one is: its label, and that of the release whose notes
-- stand in it.
-- $1 system.
SELECT r.label, r.notes_of FROM code_release r WHERE r.system = $1::text AND upper_inf(r.valid);

-- name: open_rows
-- What is said today of every code of a system, by value, in the publisher's order.
-- $1 system.
SELECT
    v.code_id, c.value, v.kind, v.title, v.is_billable, v.short_title, p.value AS parent, v.depth
FROM code_version v
JOIN code c ON c.id = v.code_id
LEFT JOIN code p ON p.id = v.parent_id
WHERE c.system = $1::text AND upper_inf(v.valid)
ORDER BY c.seq;

-- name: open_notes
-- The notes that stand today at the codes of a system, by code, in order.
-- $1 system.
SELECT n.code_id, n.kind, n.text
FROM code_note n
JOIN code c ON c.id = n.code_id
WHERE c.system = $1::text AND upper_inf(n.valid)
ORDER BY n.code_id, n.ordinal;

-- name: close_versions
-- Ends what is said of codes.
-- $1 ids of codes; $2 the first day on which it no longer holds; $3 whether the codes end with it.
UPDATE code_version SET valid = daterange(lower(valid), $2::date), is_last = $3::boolean
WHERE code_id = ANY ($1::integer[]) AND (upper_inf(valid) OR upper(valid) > $2::date);

-- name: end_versions
-- Ends what is said of codes on the days that their publisher names. What a release once said holds
-- for its first day at least, however far back the publisher ends the code later.
-- $1 ids of codes; $2 their last days, as many; $3 the first day of the release that tells them.
UPDATE code_version
SET valid = daterange(lower(valid), GREATEST(lower(valid), e.last_day) + 1), is_last = true
FROM unnest($1::integer[], $2::date[]) AS e (id, last_day)
WHERE code_id = e.id AND (upper_inf(valid) OR upper(valid) > $3::date);

-- name: close_notes
-- Ends the notes of codes.
-- $1 ids of codes; $2 the first day on which they no longer stand.
UPDATE code_note SET valid = daterange(lower(valid), $2::date)
WHERE code_id = ANY ($1::integer[]) AND upper_inf(valid);

-- name: set_places
-- Gives codes their place in the publisher's order.
-- $1 ids of codes; $2 places, as many.
UPDATE code SET seq = p.seq
FROM unnest($1::integer[], $2::integer[]) AS p (id, seq)
WHERE code.id = p.id;

-- name: map_release
-- The release of a map with this label, if it is loaded: its sha256 and how many rows it has.
-- $1 kind; $2 label.
SELECT m.sha256, m.row_count FROM map_release m WHERE m.kind = $1::text AND m.label = $2::text;

-- name: later_map_releases
-- Labels of releases of a map that begin on the day or after it; newest first.
-- $1 kind; $2 the first day of the release to load.
SELECT m.label
FROM map_release m
WHERE m.kind = $1::text AND lower(m.valid) >= $2::date
ORDER BY lower(m.valid) DESC;

-- name: close_map_release
-- Ends the open release of a map the day before its successor begins; its id.
-- $1 kind; $2 the successor's first day.
UPDATE map_release SET valid = daterange(lower(valid), $2::date)
WHERE kind = $1::text AND upper_inf(valid)
RETURNING id;

-- name: add_map_release
-- Stores a release of a map; its id.
-- $1 kind; $2 role; $3 source system; $4 target system; $5 label; $6 valid; $7 publisher;
-- $8 source; $9 sha256; $10 rows in it.
INSERT INTO map_release
    (kind, role, source_system, target_system, label, valid, publisher, source, sha256, row_count)
VALUES (
    $1::text, $2::text, $3::text, $4::text, $5::text, $6::daterange, $7::text, $8::text, $9::text,
    $10::integer
)
RETURNING id;

-- name: edges
-- The rows of a release of a map as they were loaded, in no order.
-- $1 id of the release.
SELECT
    e.source_id, e.target_id, e.relationship, e.is_approximate, e.is_no_map, e.is_combination,
    e.scenario, e.choice_list, e.attrs
FROM edge e
WHERE e.map_release_id = $1::integer;

-- name: fact_release
-- The release of facts with this label, if it is loaded: its sha256 and how many values it has.
-- $1 kind; $2 label.
SELECT f.sha256, f.row_count FROM fact_release f WHERE f.kind = $1::text AND f.label = $2::text;

-- name: later_fact_releases
-- Labels of releases of facts that begin on the day or after it; newest first.
-- $1 kind; $2 the first day of the release to load.
SELECT f.label
FROM fact_release f
WHERE f.kind = $1::text AND lower(f.valid) >= $2::date
ORDER BY lower(f.valid) DESC;

-- name: close_fact_release
-- Ends the open release of facts the day before its successor begins.
-- $1 kind; $2 the successor's first day.
UPDATE fact_release SET valid = daterange(lower(valid), $2::date)
WHERE kind = $1::text AND upper_inf(valid);

-- name: add_fact_release
-- Stores a release of facts; its id.
-- $1 kind; $2 label; $3 systems of its codes; $4 the sections of a page that it fills; $5 valid;
-- $6 source; $7 sha256; $8 values in it.
INSERT INTO fact_release (kind, label, systems, sections, valid, source, sha256, row_count)
VALUES (
    $1::text, $2::text, $3::text[], $4::text[], $5::daterange, $6::text, $7::text, $8::integer
)
RETURNING id;

-- name: write_texts
-- Stores the wordings that differ from the latest ones, unless those are of an editor; one row for
-- each stored.
-- $1 ids of codes; $2 sections; $3 texts; $4 copyright lines, null for none; all of one length;
-- $5 the day that a first wording is dated, a later one is dated today.
INSERT INTO page_text (code_id, section, version, written_on, markdown, copyright)
SELECT
    w.code_id, w.section, COALESCE(l.version, 0) + 1,
    CASE WHEN l.version IS NULL THEN $5::date ELSE CURRENT_DATE END, w.markdown, w.copyright
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[])
    AS w (code_id, section, markdown, copyright)
LEFT JOIN LATERAL (
    SELECT t.version, t.markdown, t.copyright, t.author
    FROM page_text t
    WHERE t.code_id = w.code_id AND t.section = w.section
    ORDER BY t.version DESC
    LIMIT 1
) l ON true
WHERE l.author IS NULL
  AND (l.markdown, l.copyright) IS DISTINCT FROM (w.markdown, w.copyright)
RETURNING code_id;

-- name: hold_under_license
-- Notes under which licence the texts of a release are held, and the notice that stands beside them.
-- $1 system; $2 label; $3 id of the licence, recorded or not; $4 the notice.
UPDATE code_release SET license_id = $3::text, copyright = $4::text
WHERE system = $1::text AND label = $2::text;
