-- name: fallback_open
-- Opens an episode, or tells the open one of more events that it cannot see; returns nothing.
-- $1 name of the process, $2 why, $3 events known to be unarchived, $4 the ledger's clock as last
-- known, in milliseconds; the archive may know a later one than who has just begun
INSERT INTO fallback_episode (opened_by, reason, unseen, floor_ms)
VALUES ($1, $2, $3, greatest($4, (SELECT max(recorded_ms) FROM usage_cursor)))
ON CONFLICT ((true)) WHERE closed_at IS NULL DO UPDATE
SET unseen = excluded.unseen
WHERE fallback_episode.unseen < excluded.unseen;

-- name: fallback_standing
-- The id of the open episode: one row, or none.
SELECT id
FROM fallback_episode
WHERE closed_at IS NULL;

-- name: fallback_lock_viewer
-- Locks a viewer's row, then keeps the episode from closing, both to the end of the transaction;
-- returns the viewer's state, nothing when the episode has not met the viewer.
-- $1 episode, $2 viewer, $3 number of the lock that closing takes
SELECT state, pg_advisory_xact_lock_shared($3::integer, $1::integer)
FROM fallback_viewer
WHERE episode = $1 AND viewer = $2
FOR UPDATE OF fallback_viewer;

-- name: fallback_meet_viewer
-- Keeps what the archive says of a viewer, unless somebody else did meanwhile; returns nothing.
-- $1 episode, $2 viewer, $3 the fields of the viewer's hash
INSERT INTO fallback_viewer (episode, viewer, state)
VALUES ($1, $2, $3)
ON CONFLICT (episode, viewer) DO NOTHING;

-- name: fallback_moment
-- Whether the episode is open, the clock in milliseconds, and the answers that requests got, by
-- request id: one row. A statement of its own: it must see what was committed before the locks
-- were granted.
-- $1 episode, $2 request ids
SELECT
    episode.closed_at IS NULL AS is_open,
    GREATEST(
        floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
        episode.floor_ms,
        (SELECT at_ms FROM fallback_view WHERE episode = $1 ORDER BY id DESC LIMIT 1)
    ) AS now_ms,
    (
        SELECT jsonb_object_agg(request_id, answer)
        FROM fallback_view
        WHERE episode = $1 AND request_id = ANY($2::text[])
    ) AS answers
FROM fallback_episode AS episode
WHERE episode.id = $1;

-- name: fallback_meet_network
-- Keeps what the archive says of a network, unless somebody else did meanwhile; returns nothing.
-- $1 episode, $2 network, $3 guests of it admitted
INSERT INTO fallback_network (episode, network, admitted)
VALUES ($1, $2, $3)
ON CONFLICT (episode, network) DO NOTHING;

-- name: fallback_lock_network
-- Locks a network's row to the end of the transaction; returns how many guests of it were
-- admitted, nothing when the episode has not met the network.
-- $1 episode, $2 network
SELECT admitted
FROM fallback_network
WHERE episode = $1 AND network = $2
FOR UPDATE;

-- name: fallback_record
-- Keeps decisions in their order, and what they make of viewer and network; returns nothing.
-- $1 episode, $2 viewer, $3 the fields of its hash, $4 shard, $5 the decisions as an array of
-- {request_id, at_ms, entry, answer}, $6 network or null, $7 guests of it
-- admitted
WITH recorded AS (
    INSERT INTO fallback_view (episode, request_id, viewer, shard, at_ms, entry, answer)
    SELECT $1, request_id, $2, $4::smallint, at_ms, entry, answer
    FROM jsonb_to_recordset($5::jsonb) AS decision (
        request_id text, at_ms bigint, entry jsonb, answer text
    )
), admitted AS (
    UPDATE fallback_network
    SET admitted = $7
    WHERE episode = $1 AND network = $6::text
)
UPDATE fallback_viewer
SET state = $3
WHERE episode = $1 AND viewer = $2;

-- name: fallback_state
-- Whether the episode is open, the clock in milliseconds, and a viewer's state, null when the
-- episode has not met the viewer: one row.
-- $1 episode, $2 viewer
SELECT
    episode.closed_at IS NULL AS is_open,
    GREATEST(
        floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
        episode.floor_ms,
        (SELECT at_ms FROM fallback_view WHERE episode = $1 ORDER BY id DESC LIMIT 1)
    ) AS now_ms,
    (SELECT state FROM fallback_viewer WHERE episode = $1 AND viewer = $2) AS state
FROM fallback_episode AS episode
WHERE episode.id = $1;

-- name: fallback_patience
-- How long the transaction waits for a lock; returns that.
-- $1 milliseconds, as text
SELECT set_config('lock_timeout', $1, true);

-- name: fallback_try_import
-- Whether nobody else imports; until the end of the transaction nobody else does.
-- $1 number of the lock, $2 episode
SELECT pg_try_advisory_xact_lock($1::integer, $2::integer);

-- name: fallback_stop_deciding
-- Waits until no decision is under way, and keeps new ones waiting to the end of the transaction.
-- $1 number of the lock that decisions share, $2 episode
SELECT pg_advisory_xact_lock($1::integer, $2::integer);

-- name: fallback_waiting
-- Views that are not imported yet, oldest first.
-- $1 episode, $2 how many at most
SELECT id, request_id, viewer, shard, at_ms, entry, answer
FROM fallback_view
WHERE episode = $1 AND imported_at IS NULL
ORDER BY id
LIMIT $2;

-- name: fallback_imported
-- Marks views as imported, and counts; returns nothing.
-- $1 episode, $2 ids of the views, $3 how many became events, $4 pages granted too many,
-- $5 guests admitted too many
WITH marked AS (
    UPDATE fallback_view
    SET imported_at = now()
    WHERE episode = $1 AND id = ANY($2::bigint[])
)
UPDATE fallback_episode
SET
    imported = imported + $3::bigint,
    over_granted = over_granted + $4::bigint,
    over_admitted = over_admitted + $5::bigint
WHERE id = $1;

-- name: fallback_close
-- Closes an episode; returns nothing.
-- $1 episode
UPDATE fallback_episode
SET
    closed_at = clock_timestamp(),
    decided = (SELECT count(1) FROM fallback_view WHERE episode = $1)
WHERE id = $1 AND closed_at IS NULL;

-- name: fallback_forget_views
-- Deletes the views of episodes that closed long enough ago; returns nothing.
-- $1 how long they are kept, in seconds
DELETE FROM fallback_view
WHERE episode IN (
    SELECT id
    FROM fallback_episode
    WHERE closed_at < now() - make_interval(secs => $1::double precision)
);

-- name: fallback_forget_viewers
-- As fallback_forget_views, the viewers.
-- $1 how long they are kept, in seconds
DELETE FROM fallback_viewer
WHERE episode IN (
    SELECT id
    FROM fallback_episode
    WHERE closed_at < now() - make_interval(secs => $1::double precision)
);

-- name: fallback_forget_networks
-- As fallback_forget_views, the networks.
-- $1 how long they are kept, in seconds
DELETE FROM fallback_network
WHERE episode IN (
    SELECT id
    FROM fallback_episode
    WHERE closed_at < now() - make_interval(secs => $1::double precision)
);

-- name: fallback_totals
-- What all episodes together came to: one row.
SELECT
    count(1) AS episodes,
    count(1) FILTER (WHERE closed_at IS NULL) AS open,
    coalesce(sum(imported), 0)::bigint AS imported,
    coalesce(sum(over_granted), 0)::bigint AS over_granted,
    coalesce(sum(over_admitted), 0)::bigint AS over_admitted,
    coalesce(sum(unseen), 0)::bigint AS unseen,
    coalesce(sum(decided), 0)::bigint AS decided
FROM fallback_episode;

-- name: archived_events
-- The archived events of a viewer, oldest first.
-- $1 viewer
SELECT
    shard, recorded_at, seq, epoch, type, viewer, other, request, private, kind, plan, assignment,
    view_window, code, outcome, used, allowed, network, context, views, counted_from, details
FROM usage_event
WHERE viewer = $1
ORDER BY recorded_at, seq;

-- name: archived_admissions
-- How many guests of a network were admitted since it was last reset: one row.
-- $1 network, 12 characters
SELECT count(1) AS admitted
FROM usage_event
WHERE split_part(network, '/', 1) = $1 AND network IS NOT NULL AND outcome = 'U' AND seq > (
    SELECT coalesce(max(reset.seq), 0)
    FROM usage_event AS reset
    WHERE
        split_part(reset.network, '/', 1) = $1 AND reset.network IS NOT NULL
        AND reset.type = 'reset'
);

-- name: archived_to
-- How far every shard is archived, and is known to go, by shard.
SELECT shard, seq, head_seq
FROM usage_cursor
ORDER BY shard;

-- name: fallback_views_of
-- What is kept of a viewer's page views that were decided here, oldest first.
-- $1 viewer
SELECT episode, id, request_id, shard, at_ms, entry, answer, imported_at
FROM fallback_view
WHERE viewer = $1
ORDER BY episode, id;

-- name: fallback_states_of
-- What is kept of a viewer itself, by episode.
-- $1 viewer
SELECT episode, state FROM fallback_viewer WHERE viewer = $1 ORDER BY episode;

-- name: fallback_erase_views
-- Deletes the views of a viewer that are in the ledger; returns nothing.
-- $1 viewer
DELETE FROM fallback_view
WHERE viewer = $1
    AND episode IN (SELECT id FROM fallback_episode WHERE closed_at IS NOT NULL);

-- name: fallback_erase_viewer
-- Deletes what closed episodes knew of a viewer; returns nothing.
-- $1 viewer
DELETE FROM fallback_viewer
WHERE viewer = $1
    AND episode IN (SELECT id FROM fallback_episode WHERE closed_at IS NOT NULL);
