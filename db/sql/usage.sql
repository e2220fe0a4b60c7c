-- name: cursors
-- How far every shard is archived, by shard.
SELECT
    shard, recorded_ms, seq, epoch, chain, events, head_seq, checkpoint_seq, checkpoint_ms,
    erasures, stopped
FROM usage_cursor
ORDER BY shard;

-- name: hold_cursor
-- How far one shard is archived, held to the end of the transaction; no row while another holds it.
-- $1 shard
SELECT
    shard, recorded_ms, seq, epoch, chain, events, head_seq, checkpoint_seq, checkpoint_ms,
    erasures, stopped
FROM usage_cursor
WHERE shard = $1
FOR UPDATE SKIP LOCKED;

-- name: advance_cursor
-- Says how far a shard is archived now, and that nothing stops it; returns nothing.
-- $1 shard; $2 milliseconds, $3 seq and $4 epoch of the last event; $5 its link; $6 events so far;
-- $7 highest seq that the head was seen with; $8 seq and $9 milliseconds of the last checkpoint;
-- $10 viewers erased so far
UPDATE usage_cursor SET
    recorded_ms = $2, seq = $3, epoch = $4, chain = $5, events = $6, head_seq = $7,
    checkpoint_seq = $8, checkpoint_ms = $9, erasures = $10, stopped = NULL, changed_at = now()
WHERE shard = $1;

-- name: stop_shard
-- Says what keeps a shard from being archived, and how far its head was seen; returns the shard
-- when that is news, else no row.
-- $1 shard; $2 a sentence, null when nothing does any more; $3 highest seq seen
UPDATE usage_cursor SET
    stopped = $2, head_seq = GREATEST(head_seq, $3::bigint), changed_at = now()
WHERE shard = $1 AND stopped IS DISTINCT FROM $2::text
RETURNING shard;

-- name: keep_salts
-- The salts of viewers, made where there is none, in no order.
-- $1 viewers, each once, sorted; $2 as many times 32 random bytes
INSERT INTO viewer_salt AS s (viewer, salt)
SELECT n.viewer, n.salt FROM unnest($1::text[], $2::bytea[]) AS n (viewer, salt)
ON CONFLICT (viewer) DO UPDATE SET salt = s.salt
RETURNING viewer, salt;

-- name: salts
-- The salts of viewers that have one, in no order.
-- $1 viewers
SELECT viewer, salt FROM viewer_salt WHERE viewer = ANY ($1::text[]);

-- name: hold_rollups
-- Lets only one transaction at a time add to the rollups; returns nothing.
SELECT pg_advisory_xact_lock(hashtext('codestile usage rollups'));

-- name: add_hours
-- Adds new events to usage_hour; returns nothing.
-- $1 shard; $2 seq before the first of them; $3 seq and $4 recorded_at of the last; $5 recorded_at
-- of the first
INSERT INTO usage_hour AS r (starts_at, system, outcome, events, views)
SELECT
    date_trunc('hour', e.recorded_at, 'UTC') AS starts_at, split_part(e.code, ':', 1) AS system,
    e.outcome, count(*), sum(e.views)
FROM usage_event e
WHERE e.shard = $1 AND e.seq > $2 AND e.seq <= $3 AND e.recorded_at BETWEEN $5 AND $4
    AND e.type IN ('view', 'import')
GROUP BY 1, 2, 3
ON CONFLICT (starts_at, system, outcome) DO UPDATE SET
    events = r.events + excluded.events, views = r.views + excluded.views;

-- name: add_codes
-- Adds new events to usage_code_day and usage_code_month; returns nothing.
-- $1 shard; $2 seq before the first of them; $3 seq and $4 recorded_at of the last; $5 recorded_at
-- of the first
WITH batch AS MATERIALIZED (
    SELECT
        (e.recorded_at AT TIME ZONE 'UTC')::date AS day, e.code, sum(e.views) AS views,
        COALESCE(sum(e.views) FILTER (WHERE e.outcome = 'U'), 0) AS unlocked,
        COALESCE(sum(e.views) FILTER (WHERE e.outcome IN ('L', 'N', 'B')), 0) AS refused
    FROM usage_event e
    WHERE e.shard = $1 AND e.seq > $2 AND e.seq <= $3 AND e.recorded_at BETWEEN $5 AND $4
        AND e.type IN ('view', 'import')
    GROUP BY 1, 2
),
days AS (
    INSERT INTO usage_code_day AS r (day, code, views, unlocked, refused)
    SELECT b.day, b.code, b.views, b.unlocked, b.refused FROM batch b
    ON CONFLICT (day, code) DO UPDATE SET
        views = r.views + excluded.views, unlocked = r.unlocked + excluded.unlocked,
        refused = r.refused + excluded.refused
)
INSERT INTO usage_code_month AS r (month, code, views, unlocked, refused)
SELECT
    date_trunc('month', b.day::timestamp)::date, b.code, sum(b.views), sum(b.unlocked),
    sum(b.refused)
FROM batch b
GROUP BY 1, 2
ON CONFLICT (month, code) DO UPDATE SET
    views = r.views + excluded.views, unlocked = r.unlocked + excluded.unlocked,
    refused = r.refused + excluded.refused;

-- name: add_days
-- Adds new events to usage_day_viewer and usage_day; returns nothing.
-- $1 shard; $2 seq before the first of them; $3 seq and $4 recorded_at of the last; $5 recorded_at
-- of the first
WITH batch AS MATERIALIZED (
    SELECT
        (e.recorded_at AT TIME ZONE 'UTC')::date AS day, e.viewer, count(*) AS events,
        sum(e.views) AS views
    FROM usage_event e
    WHERE e.shard = $1 AND e.seq > $2 AND e.seq <= $3 AND e.recorded_at BETWEEN $5 AND $4
        AND e.type IN ('view', 'import')
    GROUP BY 1, 2
),
met AS (
    INSERT INTO usage_day_viewer (viewer, day)
    SELECT b.viewer, b.day FROM batch b WHERE b.viewer IS NOT NULL
    ON CONFLICT (viewer, day) DO NOTHING
    RETURNING day
)
INSERT INTO usage_day AS r (day, events, views, viewers)
SELECT
    b.day, sum(b.events), sum(b.views), (SELECT count(*) FROM met m WHERE m.day = b.day)
FROM batch b
GROUP BY b.day
ON CONFLICT (day) DO UPDATE SET
    events = r.events + excluded.events, views = r.views + excluded.views,
    viewers = r.viewers + excluded.viewers;

-- name: add_keys
-- Adds new events of partners' keys to usage_key_day; returns nothing.
-- $1 shard; $2 seq before the first of them; $3 seq and $4 recorded_at of the last; $5 recorded_at
-- of the first
INSERT INTO usage_key_day AS r (key_id, day, views, charged, repeated, refused)
SELECT
    split_part(e.context, '/', 2) AS key_id, (e.recorded_at AT TIME ZONE 'UTC')::date AS day,
    sum(e.views)::bigint AS views,
    COALESCE(sum(e.views) FILTER (WHERE e.outcome = 'U'), 0)::bigint AS charged,
    COALESCE(sum(e.views) FILTER (WHERE e.outcome = 'R'), 0)::bigint AS repeated,
    COALESCE(sum(e.views) FILTER (WHERE e.outcome IN ('L', 'N', 'B')), 0)::bigint AS refused
FROM usage_event e
WHERE e.shard = $1 AND e.seq > $2 AND e.seq <= $3 AND e.recorded_at BETWEEN $5 AND $4
    AND e.type IN ('view', 'import') AND e.context LIKE '%/%'
GROUP BY 1, 2
ON CONFLICT (key_id, day) DO UPDATE SET
    views = r.views + excluded.views, charged = r.charged + excluded.charged,
    repeated = r.repeated + excluded.repeated, refused = r.refused + excluded.refused;

-- name: add_first_touches
-- Adds new events to usage_first_touch and usage_funnel; returns nothing. A viewer's events are all
-- in one shard, in the order of time: what is set already is earlier.
-- $1 shard; $2 seq before the first of them; $3 seq and $4 recorded_at of the last; $5 recorded_at
-- of the first
WITH batch AS MATERIALIZED (
    SELECT
        e.viewer, min(e.recorded_at) AS first_at,
        min(e.recorded_at) FILTER (WHERE e.type IN ('view', 'import')) AS viewed_at,
        min(e.recorded_at) FILTER (WHERE e.outcome = 'U' AND e.type IN ('view', 'import'))
            AS unlocked_at,
        min(e.recorded_at) FILTER (
            WHERE e.outcome IN ('L', 'N', 'B') AND e.type IN ('view', 'import')
        ) AS refused_at,
        min(e.recorded_at) FILTER (WHERE e.type = 'seal') AS moved_at,
        min(e.recorded_at) FILTER (WHERE e.type = 'adopt') AS adopted_at
    FROM usage_event e
    WHERE e.shard = $1 AND e.seq > $2 AND e.seq <= $3 AND e.recorded_at BETWEEN $5 AND $4
        AND e.type IN ('view', 'import', 'seal', 'adopt') AND e.viewer IS NOT NULL
    GROUP BY e.viewer
),
change AS MATERIALIZED (
    SELECT
        b.viewer, t.first_at IS NULL AS is_new, COALESCE(t.first_at, b.first_at) AS first_at,
        CASE WHEN t.viewed_at IS NULL THEN b.viewed_at END AS viewed_at,
        CASE WHEN t.unlocked_at IS NULL THEN b.unlocked_at END AS unlocked_at,
        CASE WHEN t.refused_at IS NULL THEN b.refused_at END AS refused_at,
        CASE WHEN t.moved_at IS NULL THEN b.moved_at END AS moved_at,
        CASE WHEN t.adopted_at IS NULL THEN b.adopted_at END AS adopted_at
    FROM batch b
    LEFT JOIN usage_first_touch t ON t.viewer = b.viewer
),
news AS MATERIALIZED (
    SELECT
        c.viewer, c.is_new, c.first_at, c.viewed_at, c.unlocked_at, c.refused_at, c.moved_at,
        c.adopted_at
    FROM change c
    WHERE c.is_new
        OR COALESCE(c.viewed_at, c.unlocked_at, c.refused_at, c.moved_at, c.adopted_at) IS NOT NULL
),
touched AS (
    INSERT INTO usage_first_touch AS t
        (viewer, first_at, viewed_at, unlocked_at, refused_at, moved_at, adopted_at)
    SELECT
        n.viewer, n.first_at, n.viewed_at, n.unlocked_at, n.refused_at, n.moved_at, n.adopted_at
    FROM news n
    ON CONFLICT (viewer) DO UPDATE SET
        viewed_at = COALESCE(t.viewed_at, excluded.viewed_at),
        unlocked_at = COALESCE(t.unlocked_at, excluded.unlocked_at),
        refused_at = COALESCE(t.refused_at, excluded.refused_at),
        moved_at = COALESCE(t.moved_at, excluded.moved_at),
        adopted_at = COALESCE(t.adopted_at, excluded.adopted_at)
)
INSERT INTO usage_funnel AS f
    (day, is_guest, is_erased, viewers, viewed, unlocked, refused, moved, adopted)
SELECT
    (n.first_at AT TIME ZONE 'UTC')::date, n.viewer LIKE 'g%', false,
    count(*) FILTER (WHERE n.is_new), count(n.viewed_at), count(n.unlocked_at),
    count(n.refused_at), count(n.moved_at), count(n.adopted_at)
FROM news n
GROUP BY 1, 2
ON CONFLICT (day, is_guest, is_erased) DO UPDATE SET
    viewers = f.viewers + excluded.viewers, viewed = f.viewed + excluded.viewed,
    unlocked = f.unlocked + excluded.unlocked, refused = f.refused + excluded.refused,
    moved = f.moved + excluded.moved, adopted = f.adopted + excluded.adopted;

-- name: forget
-- Forgets viewers, see usage_forget; returns nothing of use.
-- $1 viewers; $2 when each was erased
SELECT usage_forget(f.viewer, f.erased_at)
FROM unnest($1::text[], $2::timestamptz[]) AS f (viewer, erased_at)
ORDER BY f.viewer;

-- name: forget_names
-- Takes out of new events the names of others who were erased after them, see usage_erased; returns
-- nothing.
-- $1 shard; $2 seq before the first of them; $3 seq and $4 recorded_at of the last; $5 recorded_at
-- of the first
WITH named AS (
    UPDATE usage_event e SET other = NULL, is_erased = true
    FROM usage_erased u
    WHERE e.shard = $1 AND e.seq > $2 AND e.seq <= $3 AND e.recorded_at BETWEEN $5 AND $4
        AND e.other IS NOT NULL AND u.digest = sha256(convert_to(e.other, 'UTF8'))
        AND u.erased_at >= e.recorded_at
    RETURNING e.shard, e.recorded_at, e.seq
)
INSERT INTO usage_forgotten (shard, stream_id)
SELECT n.shard, floor(extract(epoch FROM n.recorded_at) * 1000)::bigint || '-' || n.seq
FROM named n
ON CONFLICT (shard, stream_id) DO NOTHING;

-- name: drop_erased
-- Drops what is known of viewers who were erased before an instant; returns nothing.
-- $1 the instant
DELETE FROM usage_erased WHERE erased_at < $1;

-- name: add_checkpoints
-- Adds signed checkpoints; returns nothing. One that is there stays.
-- $1 shards; $2 seqs; $3 links; $4 milliseconds; $5 signatures; $6 public keys; all of one length
INSERT INTO usage_checkpoint (shard, seq, chain, at_ms, signature, public_key)
SELECT c.shard, c.seq, c.chain, c.at_ms, c.signature, c.public_key
FROM unnest(
    $1::smallint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bytea[]
) AS c (shard, seq, chain, at_ms, signature, public_key)
ON CONFLICT (shard, seq) DO NOTHING;

-- name: checkpoints
-- The signed checkpoints of a shard, oldest first.
-- $1 shard
SELECT shard, seq, chain, at_ms, signature, public_key
FROM usage_checkpoint
WHERE shard = $1
ORDER BY seq;

-- name: events_after
-- Archived events of a shard, in the order of seq; detached partitions are not read.
-- $1 shard; $2 seq before the first; $3 how many at most
SELECT
    recorded_at, seq, epoch, shard, type, viewer, other, request, private, kind, plan, assignment,
    view_window, code, outcome, used, allowed, network, context, views, counted_from, details,
    is_erased, commitment, chain
FROM usage_event
WHERE shard = $1 AND seq > $2
ORDER BY seq
LIMIT $3;

-- name: boundaries
-- Where each shard ended in the partitions that were detached, by month and shard; `is_here` tells
-- whether the partition still stands in the schema `archive`.
SELECT
    b.month, b.shard, b.seq, b.epoch, b.chain,
    to_regclass('archive.usage_event_' || to_char(b.month, 'YYYY_MM')) IS NOT NULL AS is_here
FROM usage_boundary b
ORDER BY b.month, b.shard;

-- name: detached_events_after
-- As events_after, of the months that were detached and still stand in the schema `archive`.
-- $1 shard; $2 seq before the first; $3 how many at most
SELECT
    recorded_at, seq, epoch, shard, type, viewer, other, request, private, kind, plan, assignment,
    view_window, code, outcome, used, allowed, network, context, views, counted_from, details,
    is_erased, commitment, chain
FROM usage_detached_events($1::smallint, $2::bigint, $3::integer);

-- name: make_partition
-- Makes the partition of a month if there is none; returns nothing of use.
-- $1 a day of the month
SELECT usage_make_partition($1::date);

-- name: partitions
-- The names of the attached partitions, sorted.
SELECT c.relname AS name
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'usage_event'::regclass
ORDER BY c.relname;

-- name: detach_before
-- Detaches the partitions before a month, oldest first; their names.
-- $1 a day of the first month that stays
SELECT d.name FROM usage_detach_before($1::date) AS d (name);

-- name: forgotten
-- Entries to be taken out of the logs, and how far that is, by shard and stream id.
SELECT shard, stream_id, state, run_id FROM usage_forgotten ORDER BY shard, stream_id;

-- name: hold_forgetting
-- Whether this transaction is the only one that takes entries out of the logs; does not wait.
SELECT pg_try_advisory_xact_lock(hashtext('codestile usage forgetting')) AS is_held;

-- name: set_forgotten
-- Says how far entries are; returns nothing.
-- $1 shards; $2 stream ids, as many; $3 state; $4 life of the store, null where it does not matter
UPDATE usage_forgotten u SET state = $3, run_id = $4
FROM unnest($1::smallint[], $2::text[]) AS f (shard, stream_id)
WHERE u.shard = f.shard AND u.stream_id = f.stream_id;

-- name: finish_forgotten
-- Drops entries that nothing holds any more; returns nothing.
-- $1 shards; $2 stream ids, as many
DELETE FROM usage_forgotten u
USING unnest($1::smallint[], $2::text[]) AS f (shard, stream_id)
WHERE u.shard = f.shard AND u.stream_id = f.stream_id;
