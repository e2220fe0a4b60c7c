-- name: claim_request
-- Keeps what was asked under a name: what was asked under it first, which is the same or it is not.
-- $1 digest of the name, $2 digest of what was asked
INSERT INTO named_request (key, input)
VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET key = excluded.key
RETURNING named_request.input;

-- name: forget_requests
-- Forgets what was asked too long ago to be asked again; returns nothing.
-- $1 how long they are kept, in seconds
DELETE FROM named_request
WHERE made_at < now() - $1::float8 * interval '1 second';
