-- name: message
-- What a message said when it came: one row, or none when it did not come.
-- $1 id of the message
SELECT input
FROM webhook_message
WHERE id = $1;

-- name: keep_message
-- Keeps a message that has not come before: its id, or no row when it has.
-- $1 id, $2 digest of its body, $3 account id, $4 when it happened
INSERT INTO webhook_message (id, input, account_id, occurred_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: latest_of_others
-- When the latest happened of what other messages told of an account: one row, null for none.
-- $1 account id, $2 id of the message that is left out
SELECT max(occurred_at) AS occurred_at
FROM webhook_message
WHERE account_id = $1 AND id <> $2;

-- name: plan_in_force
-- The plan that an account is on, and the kind of viewer that it makes: one row or none.
-- $1 account id
SELECT s.plan_key, p.viewer_kind
FROM account AS a
JOIN assignment AS s ON s.account_id = a.id AND s.number = a.assignment
JOIN plan AS p ON p.key = s.plan_key AND p.version = s.plan_version
WHERE a.id = $1;
