-- name: keep_registration
-- Keeps what was asked for: its id, or no row when the same request was kept before.
-- $1 id, $2 e-mail as written, $3 address in its one form, $4 hash of the password,
-- $5 SHA-256 of the link's token, $6 keyed digest of the code, $7 when both end
INSERT INTO registration
    (id, email, address, password_hash, link_digest, code_digest, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: registration_by_link
-- What was asked for by whoever got that link: one row or none.
-- $1 SHA-256 of the link's token, $2 now
SELECT id, email, address, password_hash, code_digest
FROM registration
WHERE link_digest = $1 AND expires_at > $2;

-- name: registrations_of_address
-- What was asked for with an address, newest first.
-- $1 address in its one form, $2 now, $3 how many at most
SELECT id, email, address, password_hash, code_digest
FROM registration
WHERE address = $1 AND expires_at > $2
ORDER BY created_at DESC, id
LIMIT $3;

-- name: forget_registrations
-- Forgets everything that was asked for with an address; returns nothing.
-- $1 address in its one form
DELETE FROM registration
WHERE address = $1;

-- name: admit_account
-- Counts one more account of a network on a day: how many it has, no row when its budget is spent.
-- $1 pseudonym of the network, $2 day, $3 budget, 1 or more
INSERT INTO network_accounts AS n (network, day, accounts)
VALUES ($1, $2, 1)
ON CONFLICT (network, day) DO UPDATE
SET accounts = n.accounts + 1
WHERE n.accounts < $3
RETURNING accounts;

-- name: make_account
-- Makes an account: its id, or no row when the address has one.
-- $1 id, $2 e-mail as written, $3 address in its one form, $4 hash of the password or null, $5 now
INSERT INTO account (id, email, address, password_hash, created_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (address) DO NOTHING
RETURNING id;

-- name: was_deleted
-- A row when an account of that address was deleted.
-- $1 keyed digest of the address
SELECT deleted_at
FROM deleted_address
WHERE digest = $1;

-- name: forget_expired_registrations
-- Forgets what nobody can prove any more; returns nothing.
-- $1 now
DELETE FROM registration
WHERE expires_at <= $1;

-- name: forget_expired_resets
-- Forgets tokens that set no password any more; returns nothing.
-- $1 now
DELETE FROM password_reset
WHERE expires_at <= $1;

-- name: forget_network_accounts
-- Forgets how many accounts networks made before a day; returns nothing.
-- $1 day
DELETE FROM network_accounts
WHERE day < $1;

-- name: kept_until
-- When what was asked for ends: one row, or none when it was not asked for.
-- $1 id
SELECT expires_at
FROM registration
WHERE id = $1;
