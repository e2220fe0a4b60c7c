-- migrate:up

-- Letters that have to go out, written with what they tell of; a letter that went is deleted.
CREATE TABLE letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipient text NOT NULL CHECK (length(recipient) BETWEEN 3 AND 254),
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    body text NOT NULL CHECK (length(body) BETWEEN 1 AND 20000),
    written_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL DEFAULT now(),
    tries integer NOT NULL DEFAULT 0,
    last_error text
);
COMMENT ON COLUMN letter.expires_at IS 'when what it tells is worth nothing any more';
CREATE INDEX letter_due ON letter (due_at);

-- migrate:down
