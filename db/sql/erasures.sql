-- name: delete_account
-- Deletes an account and everything that hangs on it: its e-mail as written and the address in its
-- one form, no row without one.
-- $1 account id
DELETE FROM account
WHERE id = $1
RETURNING email, address;

-- name: keep_deleted_address
-- Keeps that an address had an account; returns nothing.
-- $1 keyed digest of the address
INSERT INTO deleted_address (digest)
VALUES ($1)
ON CONFLICT (digest) DO NOTHING;

-- name: keep_erasure
-- Keeps that the ledger of an account has to be erased; returns nothing.
-- $1 account id, $2 now
INSERT INTO erasure (account_id, asked_at)
VALUES ($1, $2)
ON CONFLICT (account_id) DO NOTHING;

-- name: open_erasures
-- Accounts whose ledger has to be erased, those asked for first.
-- $1 asked for before this instant, $2 how many at most
SELECT account_id
FROM erasure
WHERE asked_at < $1
ORDER BY asked_at, account_id
LIMIT $2;

-- name: forget_erasure
-- Forgets an erasure that is done; returns nothing.
-- $1 account id
DELETE FROM erasure
WHERE account_id = $1;
