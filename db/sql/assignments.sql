-- name: lock_account
-- Holds the account until the transaction ends: the number of its assignment, or no row.
-- $1 account id
SELECT assignment
FROM account
WHERE id = $1
FOR UPDATE;

-- name: assign
-- Puts an account on the newest version of a plan: the new assignment, or no row for an unknown
-- plan.
-- $1 account id, $2 number of the new assignment, $3 plan key, null for the account's free plan:
-- the one it began on, if that was one of readers; $4 when it ends or null, $5 actor, $6 reason,
-- $7 when the ledger was told, null when it has to be
INSERT INTO assignment
    (account_id, number, plan_key, plan_version, ends_at, actor, reason, fenced_at)
SELECT $1, $2, p.key, p.version, $4::timestamptz, $5, $6, $7::timestamptz
FROM plan AS p
WHERE p.key = coalesce(
    $3::text,
    (
        SELECT f.plan_key
        FROM assignment AS f
        JOIN plan AS q ON q.key = f.plan_key AND q.version = f.plan_version
        WHERE f.account_id = $1 AND f.number = 0 AND q.viewer_kind = 'REGISTERED'
    ),
    'registered'
)
ORDER BY p.version DESC
LIMIT 1
RETURNING number, plan_key, plan_version;

-- name: set_assignment
-- Lets an assignment be in force; returns nothing.
-- $1 account id, $2 its number
UPDATE account
SET assignment = $2
WHERE id = $1;

-- name: assignment_of_request
-- The assignment that a request made: one row or none.
-- $1 request
SELECT account_id, number, plan_key, plan_version
FROM assignment
WHERE request = $1;

-- name: name_assignment
-- Keeps which request made an assignment; returns nothing.
-- $1 account id, $2 number, $3 request
UPDATE assignment
SET request = $3
WHERE account_id = $1 AND number = $2;

-- name: plan_history
-- Every assignment of an account, newest first.
-- $1 account id
SELECT number, plan_key, plan_version, ends_at, actor, reason, made_at
FROM assignment
WHERE account_id = $1
ORDER BY number DESC;

-- name: assignment_to_tell
-- One assignment, as the ledger is told of it, while it has to be: one row or none.
-- $1 account id, $2 number
SELECT s.account_id, s.number, s.plan_key, s.plan_version, s.actor, s.reason, p.viewer_kind
FROM assignment AS s
JOIN plan AS p ON p.key = s.plan_key AND p.version = s.plan_version
WHERE s.account_id = $1 AND s.number = $2 AND s.fenced_at IS NULL;

-- name: unfenced
-- Assignments that the ledger has not been told of, oldest first.
-- $1 made before this instant, $2 how many at most
SELECT s.account_id, s.number, s.plan_key, s.plan_version, s.actor, s.reason, p.viewer_kind
FROM assignment AS s
JOIN plan AS p ON p.key = s.plan_key AND p.version = s.plan_version
WHERE s.fenced_at IS NULL AND s.made_at < $1
ORDER BY s.made_at, s.account_id, s.number
LIMIT $2;

-- name: note_fenced
-- Notes that the ledger knows an assignment; returns nothing.
-- $1 account id, $2 number, $3 when
UPDATE assignment
SET fenced_at = $3
WHERE account_id = $1 AND number = $2 AND fenced_at IS NULL;
