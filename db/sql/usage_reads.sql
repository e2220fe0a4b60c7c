-- name: exported_events
-- The archived events of a shard that were recorded in a time, behind a seq, in their order. Months
-- outside that time are not looked at.
-- $1 shard; $2 seq; $3 the first instant, $4 the first instant after; $5 how many at most
SELECT
    recorded_at, seq, epoch, shard, type, viewer, other, request, private, kind, plan, assignment,
    view_window, code, outcome, used, allowed, network, context, views, counted_from, details,
    is_erased
FROM usage_event
WHERE shard = $1 AND seq > $2 AND recorded_at >= $3 AND recorded_at < $4
ORDER BY seq
LIMIT $5;

-- name: events_about
-- The archived events of a viewer, and those of others that name it, detached months
-- included, oldest first.
-- $1 viewer
SELECT
    recorded_at, seq, epoch, shard, type, viewer, other, request, private, kind, plan, assignment,
    view_window, code, outcome, used, allowed, network, context, views, counted_from, details,
    is_erased
FROM usage_events_about($1)
ORDER BY recorded_at, shard, seq;

-- name: shard_of_viewer
-- The shard that holds the archived events of a viewer: one row, or none when there are no events.
-- $1 viewer
SELECT shard FROM usage_event WHERE viewer = $1 ORDER BY recorded_at LIMIT 1;

-- name: first_touch
-- What a viewer did for the first time, and when: one row, or none.
-- $1 viewer
SELECT first_at, viewed_at, unlocked_at, refused_at, moved_at, adopted_at
FROM usage_first_touch
WHERE viewer = $1;

-- name: days_of_viewer
-- The days, in UTC, on which a viewer viewed pages, oldest first.
-- $1 viewer
SELECT day FROM usage_day_viewer WHERE viewer = $1 ORDER BY day;

-- name: views_of_viewer
-- The archived page views of a viewer, newest first; detached months are left out.
-- $1 viewer, $2 and $3 when the last one shown was recorded and its seq, $4 how many at most
SELECT shard, epoch, seq, recorded_at, code, outcome, views
FROM usage_event
WHERE viewer = $1
    AND type IN ('view', 'import')
    AND (recorded_at, seq) < ($2::timestamptz, $3::bigint)
ORDER BY recorded_at DESC, seq DESC
LIMIT $4;

-- name: key_days
-- What keys viewed on the days of a time, by key and day; days without views are left out.
-- $1 key ids; $2 the first day, $3 the last
SELECT key_id, day, views, charged, repeated, refused
FROM usage_key_day
WHERE key_id = ANY ($1::text[]) AND day BETWEEN $2 AND $3
ORDER BY key_id, day;

-- name: archived_until
-- How far a shard is archived: the milliseconds of its last archived event, 0 for none, and how
-- many events of its log were seen that are not archived yet.
-- $1 shard
SELECT recorded_ms, GREATEST(0, head_seq - seq) AS waiting
FROM usage_cursor
WHERE shard = $1;

-- name: known_requests
-- Which of some requests have an archived event of their viewer, detached months included.
-- $1 viewers, each once; $2 requests, as events keep them
SELECT DISTINCT e.viewer, e.request
FROM unnest($1::text[]) AS asked (viewer)
CROSS JOIN LATERAL usage_events_about(asked.viewer) AS e
WHERE e.viewer = asked.viewer AND e.request = ANY ($2::text[]);
