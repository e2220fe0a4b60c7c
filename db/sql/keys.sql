-- name: key_by_id
-- A key with the digest of its secret, its account and the account's plan: one row or none. Good
-- and bad keys alike, so that both take as long.
-- $1 key id
SELECT
    k.id AS key_id, k.name, k.secret_digest, k.scopes, k.created_at AS made_at, k.expires_at,
    k.last_used_at, k.revoked_at, k.replaces,
    a.id, a.email, a.created_at, a.assignment, s.plan_key, s.plan_version, s.ends_at, p.viewer_kind
FROM api_key AS k
JOIN account AS a ON a.id = k.account_id
JOIN assignment AS s ON s.account_id = a.id AND s.number = a.assignment
JOIN plan AS p ON p.key = s.plan_key AND p.version = s.plan_version
WHERE k.id = $1;

-- name: touch_key
-- Notes that a key was used; returns nothing.
-- $1 key id, $2 now, $3 noted before this instant
UPDATE api_key
SET last_used_at = $2
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3);

-- name: hold_keys_of
-- Holds the keys of an account until the transaction ends: its id, or no row.
-- $1 account id
SELECT id
FROM account
WHERE id = $1
FOR NO KEY UPDATE;

-- name: key_of_account
-- A key of an account: one row or none.
-- $1 account id, $2 key id
SELECT
    id AS key_id, account_id, name, secret_digest, scopes, created_at AS made_at, expires_at,
    last_used_at, revoked_at, replaces
FROM api_key
WHERE account_id = $1 AND id = $2;

-- name: count_good_keys
-- How many keys of an account are good at an instant.
-- $1 account id, $2 the instant
SELECT count(*)
FROM api_key
WHERE account_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2);

-- name: replacement_of
-- The id of the key that took a key's place: one row or none.
-- $1 account id, $2 id of the key that was replaced
SELECT id
FROM api_key
WHERE account_id = $1 AND replaces = $2
LIMIT 1;

-- name: add_key
-- Adds a key; returns nothing.
-- $1 key id, $2 account id, $3 name, $4 SHA-256 of the secret, $5 scopes, $6 now, $7 from when it
-- is refused or null, $8 id of the key that it takes the place of or null
INSERT INTO api_key (id, account_id, name, secret_digest, scopes, created_at, expires_at, replaces)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: end_key
-- Lets a key be refused from an instant on, unless it is sooner; returns nothing.
-- $1 key id, $2 the instant
UPDATE api_key
SET expires_at = LEAST(expires_at, $2)
WHERE id = $1;

-- name: revoke_key
-- Takes a key back, at once; what was taken back stays as it was. One row, or none when the
-- account has no such key.
-- $1 account id, $2 key id, $3 now
UPDATE api_key
SET revoked_at = COALESCE(revoked_at, $3)
WHERE account_id = $1 AND id = $2
RETURNING
    id AS key_id, account_id, name, scopes, created_at AS made_at, expires_at, last_used_at,
    revoked_at, replaces;

-- name: keys_of
-- A part of the keys of an account, newest first, each with how many there are in all; where the
-- part is empty one row that has only that number.
-- $1 account id; $2 and $3 the instant and the id of the last key of the part before, null for the
-- first part; $4 how many at most; $5 the one key that is asked for, null for all
SELECT
    t.total, k.id AS key_id, k.account_id, k.name, k.scopes, k.created_at AS made_at, k.expires_at,
    k.last_used_at, k.revoked_at, k.replaces
FROM (
    SELECT count(*) AS total
    FROM api_key AS c
    WHERE c.account_id = $1 AND ($5::text IS NULL OR c.id = $5)
) AS t
LEFT JOIN LATERAL (
    SELECT
        o.id, o.account_id, o.name, o.scopes, o.created_at, o.expires_at, o.last_used_at,
        o.revoked_at, o.replaces
    FROM api_key AS o
    WHERE o.account_id = $1 AND ($5::text IS NULL OR o.id = $5)
        AND ($2::timestamptz IS NULL OR (o.created_at, o.id) < ($2, $3::text))
    ORDER BY o.created_at DESC, o.id DESC
    LIMIT $4
) AS k ON true
ORDER BY k.created_at DESC, k.id DESC;

-- name: add_deprecated_uses
-- Adds to the counts of deprecated fields; returns nothing. Keys that are no more are left out.
-- $1 key ids, $2 coordinates, $3 days, $4 uses; all of one length
INSERT INTO deprecated_use AS d (key_id, field, day, uses)
SELECT n.key_id, n.field, n.day, n.uses
FROM unnest($1::text[], $2::text[], $3::date[], $4::bigint[]) AS n (key_id, field, day, uses)
JOIN api_key AS k ON k.id = n.key_id
-- In one order, so that two servers never wait for each other.
ORDER BY n.key_id, n.field, n.day
ON CONFLICT (key_id, field, day) DO UPDATE SET uses = d.uses + excluded.uses;

-- name: deprecated_uses_of
-- What keys asked for that will go away, by key and coordinate: uses, and the last day.
-- $1 key ids, $2 the first day
SELECT key_id, field, sum(uses)::bigint AS uses, max(day) AS last_day
FROM deprecated_use
WHERE key_id = ANY ($1::text[]) AND day >= $2
GROUP BY key_id, field
ORDER BY key_id, field;
