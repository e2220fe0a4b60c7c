-- migrate:up

-- Changes that clients gave a name, so that one sent again is known, and another under the same
-- name refused.
CREATE TABLE named_request (
    key bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    input bytea NOT NULL CHECK (octet_length(input) = 32),
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX named_request_age ON named_request (made_at);

-- What the payment service told, each message once.
CREATE TABLE webhook_message (
    id text PRIMARY KEY CHECK (length(id) BETWEEN 8 AND 64),
    input bytea NOT NULL CHECK (octet_length(input) = 32),
    account_id text NOT NULL REFERENCES account ON DELETE CASCADE,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_message_account ON webhook_message (account_id, occurred_at);

-- Which request wrote a version or moved an account, so that the same one again finds it done.
ALTER TABLE plan ADD COLUMN request text UNIQUE CHECK (request ~ '^[A-Za-z0-9_-]{22}$');
ALTER TABLE assignment ADD COLUMN request text UNIQUE CHECK (request ~ '^[A-Za-z0-9_-]{22}$');

-- migrate:down
