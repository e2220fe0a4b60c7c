-- name: hold_cursors
-- How far some shards are archived, by shard; held to the end of the transaction, waited for.
-- $1 shards
SELECT
    shard, recorded_ms, seq, epoch, chain, events, head_seq, checkpoint_seq, checkpoint_ms,
    erasures, stopped
FROM usage_cursor
WHERE shard = ANY ($1::smallint[])
ORDER BY shard
FOR UPDATE;

-- name: events_to_fold
-- The archived events of a shard, in the order of seq, without what proves them.
-- $1 shard
SELECT
    recorded_at, seq, epoch, type, viewer, other, request, private, kind, plan, assignment,
    view_window, code, outcome, used, allowed, network, context, views, counted_from, details,
    is_erased
FROM usage_event
WHERE shard = $1
ORDER BY seq;

-- name: detached_months
-- The months whose events are in detached partitions, oldest first.
SELECT DISTINCT month FROM usage_boundary ORDER BY month;
