-- name: account_by_id
-- The account with its plan: one row or none.
-- $1 account id
SELECT
    a.id, a.email, a.created_at, a.assignment, s.plan_key, s.plan_version, s.ends_at, p.viewer_kind
FROM account AS a
JOIN assignment AS s ON s.account_id = a.id AND s.number = a.assignment
JOIN plan AS p ON p.key = s.plan_key AND p.version = s.plan_version
WHERE a.id = $1;

-- name: account_by_address
-- The account with its plan: one row or none.
-- $1 address in its one form
SELECT
    a.id, a.email, a.created_at, a.assignment, s.plan_key, s.plan_version, s.ends_at, p.viewer_kind
FROM account AS a
JOIN assignment AS s ON s.account_id = a.id AND s.number = a.assignment
JOIN plan AS p ON p.key = s.plan_key AND p.version = s.plan_version
WHERE a.address = $1;

-- name: account_by_session
-- The account, its plan and the session of a token that is still good: one row or none.
-- $1 SHA-256 of the token, $2 now
SELECT
    a.id, a.email, a.created_at, a.assignment, s.plan_key, s.plan_version, s.ends_at, p.viewer_kind,
    t.id AS session_id, t.client, t.created_at AS began_at, t.last_seen_at, t.expires_at
FROM session AS t
JOIN account AS a ON a.id = t.account_id
JOIN assignment AS s ON s.account_id = a.id AND s.number = a.assignment
JOIN plan AS p ON p.key = s.plan_key AND p.version = s.plan_version
WHERE t.digest = $1
    AND t.expires_at > $2::timestamptz
    AND t.last_seen_at + t.idle_seconds * interval '1 second' > $2;

-- name: touch_session
-- Notes that a session was used; returns nothing.
-- $1 session id, $2 now
UPDATE session
SET last_seen_at = $2
WHERE id = $1 AND last_seen_at < $2;

-- name: end_session
-- Ends a session of an account: its id, or no row when there is none.
-- $1 account id, $2 session id
DELETE FROM session
WHERE account_id = $1 AND id = $2
RETURNING id;
