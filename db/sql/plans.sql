-- name: plan_versions
-- Every version of every plan, by key, newest version first.
SELECT
    key, version, page_view_limit, window_kind, time_zone, rolling_days, open_sections,
    can_list_crosswalks, viewer_kind, points_capacity, points_per_second
FROM plan
ORDER BY key, version DESC;

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
