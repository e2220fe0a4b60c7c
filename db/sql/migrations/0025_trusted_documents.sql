-- migrate:up

-- Documents that the site's own clients send by name: whoever asks with one of them asks what was
-- written by people we trust. A name is a digest of the text, so a row never changes.
CREATE TABLE trusted_document (
    id text PRIMARY KEY CHECK (id ~ '^(sha256:[0-9a-f]{64}|sha1:[0-9a-f]{40}|md5:[0-9a-f]{32})$'),
    document text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now()
);

-- migrate:down
