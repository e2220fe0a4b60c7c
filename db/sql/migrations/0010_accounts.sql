-- migrate:up

-- Accounts whose address is proven; what was only asked for is in registration.
CREATE TABLE account (
    id text PRIMARY KEY CHECK (id ~ '^u[A-Za-z0-9_-]{22}$'),
    email text NOT NULL CHECK (length(email) <= 254),
    address text NOT NULL UNIQUE CHECK (length(address) <= 254),
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT now(),
    assignment integer NOT NULL DEFAULT 0 CHECK (assignment >= 0)
);
COMMENT ON COLUMN account.email IS 'as the person wrote it: where letters go';
COMMENT ON COLUMN account.address IS 'lower case, without what follows a plus: whose account it is';
COMMENT ON COLUMN account.password_hash IS 'argon2id; null until a mailed link has set one';
COMMENT ON COLUMN account.assignment IS 'number of the assignment in force';

-- Which plan an account is on, change by change; the ledger refuses a number below one it has met.
CREATE TABLE assignment (
    account_id text NOT NULL REFERENCES account ON DELETE CASCADE,
    number integer NOT NULL CHECK (number >= 0),
    plan_key text NOT NULL,
    plan_version integer NOT NULL,
    ends_at timestamptz,
    actor text NOT NULL CHECK (actor ~ '^[A-Za-z0-9_-]{1,32}$'),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    made_at timestamptz NOT NULL DEFAULT now(),
    fenced_at timestamptz,
    PRIMARY KEY (account_id, number),
    FOREIGN KEY (plan_key, plan_version) REFERENCES plan (key, version)
);
COMMENT ON COLUMN assignment.ends_at IS 'when the free plan takes its place; null: never';
COMMENT ON COLUMN assignment.fenced_at IS 'when the ledger was told; null while it has to be';
CREATE INDEX assignment_unfenced ON assignment (made_at) WHERE fenced_at IS NULL;

-- Somebody asked for an account and has not shown yet that the address is theirs. An address may
-- have several: nobody who registers it can spoil what its owner was mailed.
CREATE TABLE registration (
    id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{22}$'),
    email text NOT NULL,
    address text NOT NULL,
    password_hash text NOT NULL,
    link_digest bytea NOT NULL UNIQUE CHECK (octet_length(link_digest) = 32),
    code_digest bytea NOT NULL CHECK (octet_length(code_digest) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX registration_address ON registration (address);
CREATE INDEX registration_expiry ON registration (expires_at);

CREATE TABLE session (
    id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{16}$'),
    digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    account_id text NOT NULL REFERENCES account ON DELETE CASCADE,
    client text NOT NULL CHECK (client IN ('browser', 'app')),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    idle_seconds integer NOT NULL CHECK (idle_seconds > 0),
    expires_at timestamptz NOT NULL
);
COMMENT ON COLUMN session.digest IS 'SHA-256 of the token, which is kept by nobody but its bearer';
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE password_reset (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    account_id text NOT NULL REFERENCES account ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX password_reset_account ON password_reset (account_id);
CREATE INDEX password_reset_expiry ON password_reset (expires_at);

-- Addresses of deleted accounts under a key of the site's: all that stays of them.
CREATE TABLE deleted_address (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    deleted_at timestamptz NOT NULL DEFAULT now()
);

-- Accounts that are gone from here, and whose ledger has to be erased; a row goes when that is done.
CREATE TABLE erasure (
    account_id text PRIMARY KEY CHECK (account_id ~ '^u[A-Za-z0-9_-]{22}$'),
    asked_at timestamptz NOT NULL DEFAULT now()
);

-- How many accounts a network has made on a day; its name is a pseudonym, as guests' are.
CREATE TABLE network_accounts (
    network text NOT NULL CHECK (length(network) = 22),
    day date NOT NULL,
    accounts integer NOT NULL CHECK (accounts > 0),
    PRIMARY KEY (network, day)
);

-- migrate:down
