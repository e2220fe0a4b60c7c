-- name: keep_session
-- Keeps a session; returns nothing.
-- $1 id, $2 SHA-256 of its token, $3 account id, $4 browser or app, $5 now,
-- $6 seconds it may lie unused, $7 when it ends at the latest
INSERT INTO session
    (id, digest, account_id, client, created_at, last_seen_at, idle_seconds, expires_at)
VALUES ($1, $2, $3, $4, $5, $5, $6, $7);

-- name: end_all_but_newest
-- Ends the sessions of an account beyond the newest; returns nothing.
-- $1 account id, $2 how many stay
DELETE FROM session
WHERE id IN (
    SELECT id
    FROM session
    WHERE account_id = $1
    ORDER BY created_at DESC, id
    OFFSET $2
);

-- name: sessions_of
-- The sessions of an account that are good, the last used first.
-- $1 account id, $2 now
SELECT
    id AS session_id, account_id, client, created_at AS began_at, last_seen_at, expires_at
FROM session
WHERE account_id = $1
    AND expires_at > $2::timestamptz
    AND last_seen_at + idle_seconds * interval '1 second' > $2
ORDER BY last_seen_at DESC, id;

-- name: end_session
-- Ends a session of an account: its id, or no row when there is none.
-- $1 account id, $2 session id
DELETE FROM session
WHERE account_id = $1 AND id = $2
RETURNING id;

-- name: end_sessions
-- Ends every session of an account but one: their ids, in no order.
-- $1 account id, $2 id of the session that stays, null for none
DELETE FROM session
WHERE account_id = $1 AND id IS DISTINCT FROM $2::text
RETURNING id;

-- name: forget_expired_sessions
-- Forgets sessions that have ended; returns nothing.
-- $1 now
DELETE FROM session
WHERE expires_at <= $1::timestamptz
    OR last_seen_at + idle_seconds * interval '1 second' <= $1;
