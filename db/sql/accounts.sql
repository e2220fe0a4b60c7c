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
    t.id AS session_id, t.account_id, t.client, t.created_at AS began_at, t.last_seen_at, t.expires_at
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

-- name: secret_of_address
-- The account of an address and the hash of its password: one row or none.
-- $1 address in its one form
SELECT id, email, password_hash
FROM account
WHERE address = $1;

-- name: secret_of_account
-- The hash of an account's password, null where none was set: one row or none.
-- $1 account id
SELECT password_hash
FROM account
WHERE id = $1;

-- name: hold_secret
-- The hash of an account's password, which nobody changes before the transaction ends: one row or
-- none. Whoever changes what an account is entered by begins with it, so that none waits for another.
-- $1 account id
SELECT password_hash
FROM account
WHERE id = $1
FOR NO KEY UPDATE;

-- name: set_password
-- Sets the hash of an account's password; returns nothing.
-- $1 account id, $2 hash
UPDATE account
SET password_hash = $2
WHERE id = $1;

-- name: keep_reset
-- Lets whoever has a token set the password of an address's account: its id, no row without one, or
-- where it is being deleted.
-- $1 address in its one form, $2 SHA-256 of the token, $3 when it ends
INSERT INTO password_reset (digest, account_id, expires_at)
SELECT $2, a.id, $3::timestamptz
FROM account AS a
WHERE a.address = $1
FOR KEY SHARE
RETURNING account_id;

-- name: reset_by_digest
-- The account whose password a token may set: one row or none.
-- $1 SHA-256 of the token, $2 now
SELECT r.account_id, a.address
FROM password_reset AS r
JOIN account AS a ON a.id = r.account_id
WHERE r.digest = $1 AND r.expires_at > $2;

-- name: forget_resets
-- Takes back every token that may set an account's password; returns nothing.
-- $1 account id
DELETE FROM password_reset
WHERE account_id = $1;

-- name: use_reset
-- Takes back a token that may set a password: its account, no row when it was used.
-- $1 SHA-256 of the token
DELETE FROM password_reset
WHERE digest = $1
RETURNING account_id;
