-- name: services
-- For each service, in the order asked: the facts of its code, null for one that nothing names; the
-- release of the fee schedule in force, null for none; its relative values there, null for none; and
-- whether the release has the code with any modifier; then the releases of code systems.
-- $1 systems; $2 stored values, as many; $3 modifiers, as many, empty for none; $4 the day asked about.
SELECT
    to_jsonb(f) AS code, r.body AS release, to_jsonb(v) AS value,
    EXISTS (
        SELECT FROM relative_value o WHERE o.code_id = c.id AND o.fact_release_id = r.id
    ) AS has_code,
    (SELECT jsonb_agg(s.body) FROM releases_on($4::date) s) AS releases
FROM unnest($1::text[], $2::text[], $3::text[])
    WITH ORDINALITY AS a (system, value, modifier, ordinal)
LEFT JOIN code c ON c.value = a.value AND c.system = a.system
LEFT JOIN LATERAL code_on(c.id, $4::date) f ON true
LEFT JOIN fact_releases_on($4::date) r
    ON r.kind = 'PHYSICIAN_FEE_SCHEDULE' AND r.valid @> $4::date
LEFT JOIN relative_value v
    ON v.code_id = c.id AND v.fact_release_id = r.id AND v.modifier = a.modifier
ORDER BY a.ordinal;

-- name: localities
-- The localities of the fee schedule in force, by state, contractor and number; where none is named,
-- all.
-- $1 contractors, null for all localities; $2 numbers, as many; $3 the day asked about; $4 a state,
-- null for any.
SELECT
    l.mac, l.number, l.state, l.name, l.work_gpci, l.pe_gpci, l.mp_gpci,
    l.anesthesia_conversion_factor
FROM fact_release r
JOIN fee_locality l ON l.fact_release_id = r.id
WHERE r.kind = 'PHYSICIAN_FEE_SCHEDULE' AND r.valid @> $3::date
  AND ($1::text[] IS NULL
       OR (l.mac, l.number) IN (SELECT a.mac, a.number FROM unnest($1, $2::text[]) AS a (mac, number)))
  AND ($4::text IS NULL OR l.state = $4::text)
ORDER BY l.state, l.mac, l.number;

-- name: fee_schedule
-- The release of the fee schedule that is in force on a day.
-- $1 the day asked about.
SELECT r.body
FROM fact_releases_on($1::date) r
WHERE r.kind = 'PHYSICIAN_FEE_SCHEDULE' AND r.valid @> $1::date;
