-- migrate:up

-- What staff decides with a plan: the kind of viewer whom it makes, and the points of the API. And
-- who wrote it, for the seeds nobody.
ALTER TABLE plan
    ADD COLUMN viewer_kind text CHECK (
        viewer_kind IN ('GUEST', 'REGISTERED', 'SUBSCRIBER', 'PARTNER', 'STAFF')
    ),
    ADD COLUMN points_capacity integer NOT NULL DEFAULT 1000 CHECK (points_capacity > 0),
    ADD COLUMN points_per_second integer NOT NULL DEFAULT 20 CHECK (points_per_second > 0),
    ADD COLUMN actor text NOT NULL DEFAULT 'system' CHECK (actor ~ '^[A-Za-z0-9_-]{1,32}$'),
    ADD COLUMN reason text NOT NULL DEFAULT 'seed' CHECK (length(reason) BETWEEN 1 AND 200);

COMMENT ON COLUMN plan.points_capacity IS 'points of the API that may be spent at once';
COMMENT ON COLUMN plan.points_per_second IS 'points that come back in a second';

UPDATE plan SET viewer_kind = upper(key)
WHERE key IN ('guest', 'registered', 'subscriber', 'partner', 'staff');
UPDATE plan SET viewer_kind = 'REGISTERED' WHERE viewer_kind IS NULL;
ALTER TABLE plan ALTER COLUMN viewer_kind SET NOT NULL;
UPDATE plan SET points_capacity = 500, points_per_second = 5 WHERE viewer_kind = 'GUEST';
UPDATE plan SET points_capacity = 5000, points_per_second = 100
WHERE viewer_kind IN ('PARTNER', 'STAFF');

-- Whoever deleted an account and registers again with its address: free views are given once.
INSERT INTO plan
    (key, version, page_view_limit, window_kind, can_list_crosswalks, open_sections, viewer_kind)
SELECT 'returned', 1, 0, 'LIFETIME', can_list_crosswalks, open_sections, 'REGISTERED'
FROM plan
WHERE key = 'registered' AND version = 1;

-- migrate:down
