-- name: post_letter
-- Keeps a letter that has to go out; returns nothing.
-- $1 recipient, $2 subject, $3 body, $4 when it is worth nothing any more
INSERT INTO letter (recipient, subject, body, expires_at)
VALUES ($1, $2, $3, $4);

-- name: take_letters
-- Letters that are due, the longest waiting first, each for one process alone: it may be taken again
-- when it was neither deleted nor put back in time.
-- $1 how many at most, $2 how long they are the taker's, in seconds
WITH due AS (
    SELECT letter.id
    FROM letter
    WHERE letter.due_at <= now() AND letter.dropped_at IS NULL AND letter.expires_at > now()
    ORDER BY letter.due_at, letter.id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE letter
    SET due_at = now() + $2::float8 * interval '1 second', tries = letter.tries + 1
    FROM due
    WHERE letter.id = due.id
    RETURNING letter.id, letter.recipient, letter.subject, letter.body, letter.written_at,
        letter.expires_at, letter.tries
)
SELECT id, recipient, subject, body, written_at, expires_at, tries
FROM taken
ORDER BY id;

-- name: delete_letter
-- Forgets a letter that was sent; returns nothing.
-- $1 its id
DELETE FROM letter
WHERE id = $1;

-- name: put_letter_back
-- Has a letter wait, unless somebody else took it since; it is looked at again when it expires, at
-- the latest. Returns nothing.
-- $1 its id, $2 its tries when it was taken, $3 how long it waits, in seconds, $4 what went wrong
UPDATE letter
SET due_at = least(now() + $3::float8 * interval '1 second', expires_at), last_error = $4
WHERE id = $1 AND tries = $2 AND dropped_at IS NULL;

-- name: drop_letter
-- Gives a letter up and forgets its text; returns nothing.
-- $1 its id, $2 what went wrong
UPDATE letter
SET dropped_at = now(), last_error = $2, body = ''
WHERE id = $1 AND dropped_at IS NULL;

-- name: drop_expired_letters
-- Gives up what is worth nothing any more and is in nobody's hands: the ids, in no order.
UPDATE letter
SET dropped_at = now(), last_error = coalesce('expired, after ' || last_error, 'expired'), body = ''
WHERE expires_at <= now() AND due_at <= now() AND dropped_at IS NULL
RETURNING id;

-- name: forget_dropped_letters
-- Forgets what was given up long ago; returns nothing.
-- $1 how long it is kept, in seconds
DELETE FROM letter
WHERE dropped_at < now() - $1::float8 * interval '1 second';

-- name: erase_letters
-- Forgets every letter to an address, sent or not, however it was written: in any case of letters,
-- and with anything or nothing behind a plus. Returns nothing.
-- $1 the address
DELETE FROM letter
WHERE regexp_replace(lower(recipient), '[+][^@]*@', '@')
    = regexp_replace(lower($1), '[+][^@]*@', '@');

-- name: letters
-- What waits and what was given up, newest last.
-- $1 how many at most, the newest of them
SELECT id, recipient, subject, age_seconds, tries, is_dropped, last_error
FROM (
    SELECT letter.id, letter.recipient, letter.subject, letter.tries, letter.last_error,
        greatest(0, floor(extract(epoch FROM now() - letter.written_at)))::integer AS age_seconds,
        letter.dropped_at IS NOT NULL AS is_dropped
    FROM letter
    ORDER BY letter.id DESC
    LIMIT $1
) AS newest
ORDER BY id;
