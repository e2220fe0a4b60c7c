-- name: plan_versions
-- Every version of every plan, by key, newest version first.
SELECT
    key, version, page_view_limit, window_kind, time_zone, rolling_days, open_sections,
    can_list_crosswalks, viewer_kind, points_capacity, points_per_second
FROM plan
ORDER BY key, version DESC;

-- name: hold_plans
-- Lets one transaction at a time write plans, until it ends; returns nothing of use.
SELECT pg_advisory_xact_lock(hashtext('codestile plans'));

-- name: plan_of_request
-- The version that a request wrote: one row or none.
-- $1 request
SELECT
    key, version, page_view_limit, window_kind, time_zone, rolling_days, open_sections,
    can_list_crosswalks, viewer_kind, points_capacity, points_per_second
FROM plan
WHERE request = $1;

-- name: kind_of_plan
-- The kind of viewer that a plan makes: one row, or none for a new plan.
-- $1 plan key
SELECT viewer_kind
FROM plan
WHERE key = $1
ORDER BY version DESC
LIMIT 1;

-- name: add_plan_version
-- Writes the next version of a plan, of a new one the first: that version.
-- $1 plan key, $2 page views in a window or null, $3 window kind, $4 time zone, $5 days or null,
-- $6 open sections, $7 whether it lists crosswalks, $8 viewer kind, $9 points at once,
-- $10 points that come back in a second, $11 actor, $12 reason, $13 request
INSERT INTO plan (
    key, version, page_view_limit, window_kind, time_zone, rolling_days, open_sections,
    can_list_crosswalks, viewer_kind, points_capacity, points_per_second, actor, reason, request
)
SELECT
    $1::text, coalesce(max(version), 0) + 1, $2::integer, $3::text, $4::text, $5::integer,
    $6::text[], $7::boolean, $8::text, $9::integer, $10::integer, $11::text, $12::text, $13::text
FROM plan
WHERE key = $1
RETURNING
    key, version, page_view_limit, window_kind, time_zone, rolling_days, open_sections,
    can_list_crosswalks, viewer_kind, points_capacity, points_per_second;

-- name: keep_network_key
-- Keeps a key for a period that has none; returns nothing.
-- $1 number of the period, $2 32 random bytes
INSERT INTO network_key (period, key)
VALUES ($1, $2)
ON CONFLICT (period) DO NOTHING;

-- name: network_key
-- The key of a period: one row.
-- $1 number of the period
SELECT key
FROM network_key
WHERE period = $1;

-- name: forget_network_keys
-- Deletes the keys of periods that are over by the asker's clock and by the database's; one clock
-- that runs ahead deletes nothing that others still need. Returns nothing.
-- $1 number of the period asked for, $2 length of a period in milliseconds
DELETE FROM network_key
WHERE period < LEAST($1, floor(extract(epoch FROM now()) * 1000 / $2::bigint)::integer);
