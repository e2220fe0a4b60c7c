-- migrate:up

-- Letters that have to go out, written with what they tell of; a letter that went is deleted.
CREATE TABLE letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipient text NOT NULL CHECK (length(recipient) BETWEEN 3 AND 254),
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    body text NOT NULL CHECK (length(body) <= 20000),
    written_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL DEFAULT now(),
    tries integer NOT NULL DEFAULT 0,
    last_error text,
    dropped_at timestamptz,
    CHECK ((body = '') = (dropped_at IS NOT NULL))
);
COMMENT ON COLUMN letter.expires_at IS 'when what it tells is worth nothing any more';
COMMENT ON COLUMN letter.due_at IS 'when it may be sent; whoever takes it puts this off';
COMMENT ON COLUMN letter.dropped_at IS 'since when it is only kept to be told of, without its text';
CREATE INDEX letter_due ON letter (due_at) WHERE dropped_at IS NULL;
CREATE INDEX letter_dropped ON letter (dropped_at) WHERE dropped_at IS NOT NULL;

-- migrate:down
