-- migrate:up

-- What is decided here while the ledger's store is away, until it has been written to the ledger.
-- Everything but the episodes themselves is deleted soon after it was: see decision 0013.
CREATE TABLE fallback_episode (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    opened_by text NOT NULL,
    reason text NOT NULL,
    floor_ms bigint NOT NULL DEFAULT 0,
    unseen bigint NOT NULL DEFAULT 0 CHECK (unseen >= 0),
    closed_at timestamptz,
    decided bigint NOT NULL DEFAULT 0,
    imported bigint NOT NULL DEFAULT 0,
    over_granted bigint NOT NULL DEFAULT 0,
    over_admitted bigint NOT NULL DEFAULT 0
);

COMMENT ON COLUMN fallback_episode.opened_by IS 'name of the process that missed the store first';
COMMENT ON COLUMN fallback_episode.floor_ms IS 'the ledger''s clock as last known, milliseconds; no decision is earlier';
COMMENT ON COLUMN fallback_episode.unseen IS 'events known to be in the ledger and not in the archive when the episode opened';
COMMENT ON COLUMN fallback_episode.decided IS 'page views decided here, counted when the episode closes';
COMMENT ON COLUMN fallback_episode.imported IS 'page views written to the ledger as events';
COMMENT ON COLUMN fallback_episode.over_granted IS 'pages granted here that the ledger would have refused';
COMMENT ON COLUMN fallback_episode.over_admitted IS 'guests admitted here above the budget of their network';

-- At most one is open: whoever misses the store while it is, joins it.
CREATE UNIQUE INDEX fallback_episode_open ON fallback_episode ((true)) WHERE closed_at IS NULL;

-- One viewer as the archive and the decisions of the episode make it. The row's lock is what
-- brings the views of one viewer into an order.
CREATE TABLE fallback_viewer (
    episode integer NOT NULL REFERENCES fallback_episode,
    viewer text NOT NULL,
    state jsonb NOT NULL,
    PRIMARY KEY (episode, viewer)
);

COMMENT ON COLUMN fallback_viewer.state IS 'the fields of the viewer''s hash in the ledger, docs/events.md';

CREATE TABLE fallback_network (
    episode integer NOT NULL REFERENCES fallback_episode,
    network text NOT NULL,
    admitted integer NOT NULL CHECK (admitted >= 0),
    PRIMARY KEY (episode, network)
);

COMMENT ON COLUMN fallback_network.network IS 'first 12 characters of the digest';

-- Every view decided, in the order of its viewer; what it is imported from, and the answer that
-- the same request gets again.
CREATE TABLE fallback_view (
    episode integer NOT NULL REFERENCES fallback_episode,
    id bigint GENERATED ALWAYS AS IDENTITY,
    request_id text NOT NULL CHECK (request_id ~ '^[A-Za-z0-9_-]{22}$'),
    viewer text NOT NULL CHECK (viewer ~ '^[gu][A-Za-z0-9_-]{22}$'),
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 63),
    at_ms bigint NOT NULL,
    entry jsonb NOT NULL,
    answer text NOT NULL,
    imported_at timestamptz,
    PRIMARY KEY (episode, id),
    UNIQUE (episode, request_id)
);

COMMENT ON COLUMN fallback_view.at_ms IS 'when it was decided, milliseconds';
COMMENT ON COLUMN fallback_view.entry IS 'fields of the event, docs/events.md';
COMMENT ON COLUMN fallback_view.answer IS 'the receipt, docs/events.md';

CREATE INDEX fallback_view_waiting ON fallback_view (episode, id) WHERE imported_at IS NULL;
CREATE INDEX fallback_view_viewer ON fallback_view (viewer);
CREATE INDEX fallback_viewer_viewer ON fallback_viewer (viewer);

-- migrate:down
