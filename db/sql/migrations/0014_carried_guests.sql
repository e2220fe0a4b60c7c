-- migrate:up

-- Guests who became an account. A row is written before the ledger is touched, so that what a
-- crash leaves half done is found and finished.
CREATE TABLE carried_guest (
    account_id text NOT NULL REFERENCES account ON DELETE CASCADE,
    guest_id text NOT NULL CHECK (guest_id ~ '^g[A-Za-z0-9_-]{22}$'),
    shard integer NOT NULL CHECK (shard BETWEEN 0 AND 63),
    asked_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    PRIMARY KEY (account_id, guest_id)
);
CREATE INDEX carried_guest_open ON carried_guest (asked_at) WHERE done_at IS NULL;

-- migrate:down
