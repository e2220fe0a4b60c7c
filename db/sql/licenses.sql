-- name: licensed_texts
-- Every wording of codes that a licence lets readers of a plan see on a day, by code, oldest first.
-- $1 ids of codes; $2 key of the plan; $3 the day of showing, whatever day is asked about.
SELECT v.code_id, lower(v.valid) AS starts, v.title, v.short_title, r.copyright
FROM code_version v
JOIN code_release r ON r.id = v.release_id
JOIN content_license l ON l.id = r.license_id AND l.system = r.system
WHERE v.code_id = ANY ($1::integer[]) AND l.valid @> $3::date AND $2::text = ANY (l.plan_keys)
ORDER BY v.code_id, lower(v.valid);

-- name: record_license
-- Records whom a licence covers, instead of what was recorded of it before; returns nothing.
-- $1 id; $2 system; $3 holder; $4 first day; $5 last day, null for none; $6 keys of plans.
INSERT INTO content_license (id, system, holder, valid, plan_keys)
VALUES ($1::text, $2::text, $3::text, daterange($4::date, $5::date, '[]'), $6::text[])
ON CONFLICT (id) DO UPDATE SET
    system = excluded.system, holder = excluded.holder, valid = excluded.valid,
    plan_keys = excluded.plan_keys, recorded_at = now();

-- name: licenses
-- Every licence that was recorded, by id.
SELECT
    l.id, l.system, l.holder, lower(l.valid) AS effective_from, upper(l.valid) - 1 AS effective_to,
    l.plan_keys
FROM content_license l
ORDER BY l.id;

-- name: plan_keys
-- The key of every plan, in order.
SELECT DISTINCT p.key FROM plan p ORDER BY p.key;
