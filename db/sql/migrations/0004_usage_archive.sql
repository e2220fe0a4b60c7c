-- migrate:up

-- The archive of the ledger: every event of the 64 logs, once and for good. A row holds what the
-- entry of the log holds, so that the entry can be made again from it, word for word:
--   id             <shard>:<epoch>:<milliseconds of recorded_at>-<seq>
--   viewer, other (`to` or `from`), request, private (`codes`, `reason`): of one person; an erasure
--                  makes them null
--   kind to context and details: never of one person; details holds the fields without a column
--   views, counted_from: `count`, <views>@<milliseconds>; counted_from is null where there is none
--   commitment, chain: docs/decisions/0012
-- The logs number their events without a gap, so a row needs no number of its own.
CREATE TABLE usage_event (
    recorded_at timestamptz NOT NULL,
    seq bigint NOT NULL,
    epoch integer NOT NULL,
    shard smallint NOT NULL,
    type text NOT NULL,
    viewer text,
    other text,
    request text,
    private jsonb,
    kind text,
    plan text,
    assignment bigint,
    view_window text,
    code text,
    outcome text,
    used integer,
    allowed integer,
    network text,
    context text,
    views integer NOT NULL,
    counted_from timestamptz,
    details jsonb,
    is_erased boolean NOT NULL DEFAULT false,
    commitment bytea NOT NULL,
    chain bytea NOT NULL,
    PRIMARY KEY (shard, seq, recorded_at)
) PARTITION BY RANGE (recorded_at);

COMMENT ON COLUMN usage_event.allowed IS 'views allowed in the window; null: unlimited, or no view';
COMMENT ON COLUMN usage_event.is_erased IS 'the private columns were of a person who was erased';

CREATE INDEX usage_event_viewer ON usage_event (viewer, recorded_at);
CREATE INDEX usage_event_other ON usage_event (other) WHERE other IS NOT NULL;
-- Rows come nearly in the order of time: a day is found without an entry for every row.
CREATE INDEX usage_event_time ON usage_event USING brin (recorded_at);

-- Where partitions go when their time is over. They stay readable; nothing is dropped.
CREATE SCHEMA IF NOT EXISTS archive;

-- How far each shard is archived: the last event in usage_event, and what a worker must know to go
-- on after it. A worker holds the row while it adds events, so that no two add the same.
CREATE TABLE usage_cursor (
    shard smallint PRIMARY KEY CHECK (shard BETWEEN 0 AND 63),
    recorded_ms bigint NOT NULL DEFAULT 0,
    seq bigint NOT NULL DEFAULT 0,
    epoch integer NOT NULL DEFAULT 1,
    chain bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    events bigint NOT NULL DEFAULT 0,
    head_seq bigint NOT NULL DEFAULT 0,
    checkpoint_seq bigint NOT NULL DEFAULT 0,
    checkpoint_ms bigint NOT NULL DEFAULT 0,
    erasures bigint NOT NULL DEFAULT 0,
    stopped text,
    changed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

COMMENT ON COLUMN usage_cursor.head_seq IS 'the highest seq that the shard was seen to have given';
COMMENT ON COLUMN usage_cursor.erasures IS 'viewers erased so far: salts kept in memory before are void';
COMMENT ON COLUMN usage_cursor.stopped IS 'what keeps the shard from being archived; null: nothing';

INSERT INTO usage_cursor (shard) SELECT generate_series(0, 63);

-- What the commitments of one viewer are made with. Without it nobody can tell, not even by trying
-- all viewers there are, whose the erased rows were.
CREATE TABLE viewer_salt (
    viewer text PRIMARY KEY,
    salt bytea NOT NULL CHECK (octet_length(salt) = 32)
);

CREATE TABLE usage_checkpoint (
    shard smallint NOT NULL,
    seq bigint NOT NULL,
    chain bytea NOT NULL,
    at_ms bigint NOT NULL,
    signature bytea NOT NULL,
    public_key bytea NOT NULL,
    PRIMARY KEY (shard, seq)
);

COMMENT ON COLUMN usage_checkpoint.at_ms IS 'when it was signed, milliseconds';

-- The end of each shard in a partition that was detached: what is left begins after it.
CREATE TABLE usage_boundary (
    month date NOT NULL,
    shard smallint NOT NULL,
    seq bigint NOT NULL,
    epoch integer NOT NULL,
    chain bytea NOT NULL,
    PRIMARY KEY (month, shard)
);

-- Entries that are still to be taken out of a log, because their viewer was erased.
--   state    DELETE, REWRITE (taken out, the append-only file still has it), REWRITING
--   run_id   the life of the store that was asked to write its file anew
CREATE TABLE usage_forgotten (
    shard smallint NOT NULL,
    stream_id text NOT NULL,
    state text NOT NULL DEFAULT 'DELETE' CHECK (state IN ('DELETE', 'REWRITE', 'REWRITING')),
    run_id text,
    PRIMARY KEY (shard, stream_id)
);

-- Who was erased lately, as SHA-256 of the id, which is random and cannot be guessed: an event of
-- another shard that names the viewer may be older and yet be archived later. Kept for a week.
CREATE TABLE usage_erased (
    digest bytea PRIMARY KEY,
    erased_at timestamptz NOT NULL
);

-- Makes the partition of a month, or brings it back when it was detached. Attaching, unlike making
-- a partition in place, lets others go on writing to the table.
CREATE FUNCTION usage_make_partition(month date) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name text := 'usage_event_' || to_char(month, 'YYYY_MM');
    starts timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    ends timestamptz := (date_trunc('month', month::timestamp) + interval '1 month')
        AT TIME ZONE 'UTC';
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('codestile usage partitions'));
    IF EXISTS (
        SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'usage_event'::regclass AND c.relname = name
    ) THEN
        RETURN;
    END IF;
    IF to_regclass('archive.' || name) IS NOT NULL THEN
        EXECUTE format('ALTER TABLE archive.%I SET SCHEMA %I', name, current_schema());
        DELETE FROM usage_boundary b WHERE b.month = starts::date;
    ELSE
        EXECUTE format(
            'CREATE TABLE %I (LIKE usage_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name
        );
    END IF;
    EXECUTE format(
        'ALTER TABLE usage_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        name, starts, ends
    );
END $$;

-- Detaches the partitions of the months before one, into the schema `archive`; their names.
CREATE FUNCTION usage_detach_before(month date) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
    name text;
    starts date;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('codestile usage partitions'));
    FOR name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'usage_event'::regclass ORDER BY c.relname
    LOOP
        starts := to_date(right(name, 7) || '_01', 'YYYY_MM_DD');
        CONTINUE WHEN starts >= date_trunc('month', month::timestamp)::date;
        EXECUTE format(
            'INSERT INTO usage_boundary (month, shard, seq, epoch, chain)
             SELECT DISTINCT ON (e.shard) %L::date, e.shard, e.seq, e.epoch, e.chain
             FROM %I e ORDER BY e.shard, e.seq DESC', starts, name
        );
        EXECUTE format('ALTER TABLE usage_event DETACH PARTITION %I', name);
        EXECUTE format('ALTER TABLE %I SET SCHEMA archive', name);
        RETURN NEXT name;
    END LOOP;
END $$;

-- migrate:down
