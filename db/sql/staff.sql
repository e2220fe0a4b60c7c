-- name: hold_account_of_address
-- Holds the account of an address until the transaction ends: its id, or no row.
-- $1 address in its one form
SELECT id
FROM account
WHERE address = $1
FOR UPDATE;

-- name: account_of_address
-- The account of an address and the kind of viewer that it is: one row or none.
-- $1 address in its one form
SELECT a.id, p.viewer_kind
FROM account AS a
JOIN assignment AS s ON s.account_id = a.id AND s.number = a.assignment
JOIN plan AS p ON p.key = s.plan_key AND p.version = s.plan_version
WHERE a.address = $1;

-- name: add_account
-- An account without a password, on no plan yet: its id, or no row when the address has one.
-- $1 account id, $2 address as written, $3 address in its one form
INSERT INTO account (id, email, address)
VALUES ($1, $2, $3)
ON CONFLICT (address) DO NOTHING
RETURNING id;

-- name: first_assignment
-- Puts a new account on the newest version of a plan, by its assignment number 0, of which the
-- ledger needs no word; returns nothing.
-- $1 account id, $2 plan key, $3 actor, $4 reason
INSERT INTO assignment (account_id, number, plan_key, plan_version, actor, reason, fenced_at)
SELECT $1, 0, p.key, p.version, $3, $4, now()
FROM plan AS p
WHERE p.key = $2
ORDER BY p.version DESC
LIMIT 1;

-- name: end_sessions
-- Ends every session of an account; returns nothing.
-- $1 account id
DELETE FROM session
WHERE account_id = $1;

-- name: drop_resets
-- Makes every link of an account that sets a password good for nothing; returns nothing.
-- $1 account id
DELETE FROM password_reset
WHERE account_id = $1;

-- name: add_reset
-- Lets whoever has a token set the password of an account; returns nothing.
-- $1 SHA-256 of the token, $2 account id, $3 when it ends
INSERT INTO password_reset (digest, account_id, expires_at)
VALUES ($1, $2, $3);
