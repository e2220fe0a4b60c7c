-- migrate:up

CREATE TABLE api_key (
    id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9]{12}$'),
    account_id text NOT NULL REFERENCES account ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    secret_digest bytea NOT NULL CHECK (octet_length(secret_digest) = 32),
    scopes text[] NOT NULL CHECK (
        scopes <@ ARRAY['PAGES_READ', 'CROSSWALKS_READ', 'USAGE_READ'] AND cardinality(scopes) > 0
    ),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    replaces text REFERENCES api_key ON DELETE SET NULL
);
COMMENT ON COLUMN api_key.secret_digest IS 'SHA-256 of the secret, which is shown once';
CREATE INDEX api_key_account ON api_key (account_id, created_at);
CREATE INDEX api_key_replaces ON api_key (replaces);

-- How often a key asked for a field that will go away.
CREATE TABLE deprecated_use (
    key_id text NOT NULL REFERENCES api_key ON DELETE CASCADE,
    field text NOT NULL CHECK (length(field) BETWEEN 3 AND 200),
    day date NOT NULL,
    uses bigint NOT NULL CHECK (uses > 0),
    PRIMARY KEY (key_id, field, day)
);

-- What each key viewed on which day, as the rollups of 0005: changed only in the transaction that
-- adds the rows of usage_event it follows from, those whose `context` ends in `/<key_id>`. No such
-- row is older than this table: there were no keys. It outlives the key, as the events do.
--   views                      sum of `views` of all rows
--   charged, repeated, refused of outcome U; of outcome R; of outcome L, N or B
CREATE TABLE usage_key_day (
    key_id text NOT NULL,
    day date NOT NULL,
    views bigint NOT NULL,
    charged bigint NOT NULL,
    repeated bigint NOT NULL,
    refused bigint NOT NULL,
    PRIMARY KEY (key_id, day)
) WITH (fillfactor = 50);

-- migrate:down
