-- name: keep_guest
-- Keeps that a guest became an account; returns nothing.
-- $1 account id, $2 guest id, $3 shard of the guest, $4 now
INSERT INTO carried_guest (account_id, guest_id, shard, asked_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, guest_id) DO NOTHING;

-- name: open_guests
-- Guests whose codes an account has not taken over yet, the first asked for first.
-- $1 account id
SELECT guest_id, shard
FROM carried_guest
WHERE account_id = $1 AND done_at IS NULL
ORDER BY asked_at, guest_id;

-- name: accounts_with_open_guests
-- Accounts that have not taken over what their guests had, each once.
-- $1 asked for before this instant, $2 how many at most
SELECT account_id, min(asked_at) AS asked_at
FROM carried_guest
WHERE done_at IS NULL AND asked_at < $1
GROUP BY account_id
ORDER BY min(asked_at), account_id
LIMIT $2;

-- name: note_carried
-- Notes that a guest's codes were taken over; returns nothing.
-- $1 account id, $2 guest id, $3 now
UPDATE carried_guest
SET done_at = $3
WHERE account_id = $1 AND guest_id = $2;
