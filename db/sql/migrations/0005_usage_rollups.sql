-- migrate:up

-- What dashboards read instead of the events. Every row follows from the rows of usage_event, those
-- of detached partitions included, as said beside it, and changes only in the transaction that adds
-- them. A view is a row of type `view` or `import`; its time is recorded_at, also for an imported or
-- a counted one; days, hours and months are UTC.

-- Views by hour, system and outcome.
--   events  rows;  views  sum of their `views`
CREATE TABLE usage_hour (
    starts_at timestamptz NOT NULL,
    system text NOT NULL,
    outcome text NOT NULL,
    events bigint NOT NULL,
    views bigint NOT NULL,
    PRIMARY KEY (starts_at, system, outcome)
);

-- Views by day and code. The index does not carry the counts: every batch would write it anew, and
-- the rows of a day stand close together as it is.
--   views, unlocked, refused  sum of `views` of all rows; of outcome U; of outcome L, N or B
CREATE TABLE usage_code_day (
    day date NOT NULL,
    code text NOT NULL,
    views bigint NOT NULL,
    unlocked bigint NOT NULL,
    refused bigint NOT NULL,
    PRIMARY KEY (day, code)
) WITH (fillfactor = 50);

-- The same by month.
CREATE TABLE usage_code_month (
    month date NOT NULL,
    code text NOT NULL,
    views bigint NOT NULL,
    unlocked bigint NOT NULL,
    refused bigint NOT NULL,
    PRIMARY KEY (month, code)
) WITH (fillfactor = 50);

-- Who viewed on which day: the distinct (viewer, day) of views whose viewer is not null.
CREATE TABLE usage_day_viewer (
    viewer text NOT NULL,
    day date NOT NULL,
    PRIMARY KEY (viewer, day)
);

-- Views and viewers by day.
--   events, views   as in usage_hour
--   viewers         distinct viewers of the day's views, those erased since included
--   erased_viewers  how many of them were erased: viewers - erased_viewers are in usage_event
CREATE TABLE usage_day (
    day date PRIMARY KEY,
    events bigint NOT NULL,
    views bigint NOT NULL,
    viewers bigint NOT NULL,
    erased_viewers bigint NOT NULL DEFAULT 0
);

-- What each viewer did for the first time, and when; null: not yet. Of the viewer's rows that are
-- views or of type `seal` or `adopt`, the least recorded_at of
--   first_at     all
--   viewed_at    views;  unlocked_at  views of outcome U;  refused_at  views of outcome L, N or B
--   moved_at     `seal`: the guest became an account
--   adopted_at   `adopt`: the account took over a guest's codes
CREATE TABLE usage_first_touch (
    viewer text PRIMARY KEY,
    first_at timestamptz NOT NULL,
    viewed_at timestamptz,
    unlocked_at timestamptz,
    refused_at timestamptz,
    moved_at timestamptz,
    adopted_at timestamptz
);

CREATE INDEX usage_first_touch_first ON usage_first_touch USING brin (first_at);

-- The way from guest to account, by the day of first_at.
--   is_guest   whether the viewer's id begins with `g`
--   is_erased  false: the rows of usage_first_touch, counted; true: those that erasures took away
--   viewers    all;  viewed to adopted  those whose instant of that name is not null
CREATE TABLE usage_funnel (
    day date NOT NULL,
    is_guest boolean NOT NULL,
    is_erased boolean NOT NULL,
    viewers bigint NOT NULL,
    viewed bigint NOT NULL,
    unlocked bigint NOT NULL,
    refused bigint NOT NULL,
    moved bigint NOT NULL,
    adopted bigint NOT NULL,
    PRIMARY KEY (day, is_guest, is_erased)
);

-- Forgets a viewer in every table, detached partitions included: nothing that names them is left,
-- and every count stays. Their own rows lose what is private; rows of others that name them lose
-- the name. Their entries are noted in usage_forgotten, to be taken out of the logs.
CREATE FUNCTION usage_forget(forgotten text, forgotten_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    part text;
BEGIN
    FOR part IN
        SELECT 'usage_event'
        UNION ALL
        SELECT format('archive.%I', t.tablename) FROM pg_tables t
        WHERE t.schemaname = 'archive' AND t.tablename LIKE 'usage_event_%'
    LOOP
        EXECUTE format(
            'INSERT INTO usage_forgotten (shard, stream_id)
             SELECT e.shard, floor(extract(epoch FROM e.recorded_at) * 1000)::bigint || ''-'' || e.seq
             FROM %s e WHERE e.viewer = $1 OR e.other = $1
             ON CONFLICT (shard, stream_id) DO NOTHING', part
        ) USING forgotten;
        EXECUTE format(
            'UPDATE %s SET other = NULL, is_erased = true WHERE other = $1', part
        ) USING forgotten;
        EXECUTE format(
            'UPDATE %s SET viewer = NULL, other = NULL, request = NULL, private = NULL,
                 is_erased = true
             WHERE viewer = $1', part
        ) USING forgotten;
    END LOOP;
    INSERT INTO usage_erased AS u (digest, erased_at)
    VALUES (sha256(convert_to(forgotten, 'UTF8')), forgotten_at)
    ON CONFLICT (digest) DO UPDATE SET erased_at = GREATEST(u.erased_at, excluded.erased_at);
    DELETE FROM viewer_salt WHERE viewer = forgotten;
    WITH gone AS (
        DELETE FROM usage_day_viewer WHERE viewer = forgotten RETURNING day
    )
    UPDATE usage_day d SET erased_viewers = d.erased_viewers + 1 FROM gone WHERE d.day = gone.day;
    WITH gone AS (
        DELETE FROM usage_first_touch WHERE viewer = forgotten
        RETURNING
            (first_at AT TIME ZONE 'UTC')::date AS day,
            viewed_at, unlocked_at, refused_at, moved_at, adopted_at
    ),
    change AS (
        SELECT
            g.day, s.is_erased, s.amount,
            (g.viewed_at IS NOT NULL)::integer * s.amount AS viewed,
            (g.unlocked_at IS NOT NULL)::integer * s.amount AS unlocked,
            (g.refused_at IS NOT NULL)::integer * s.amount AS refused,
            (g.moved_at IS NOT NULL)::integer * s.amount AS moved,
            (g.adopted_at IS NOT NULL)::integer * s.amount AS adopted
        FROM gone g CROSS JOIN (VALUES (false, -1), (true, 1)) AS s (is_erased, amount)
    )
    INSERT INTO usage_funnel AS f
        (day, is_guest, is_erased, viewers, viewed, unlocked, refused, moved, adopted)
    SELECT
        c.day, forgotten LIKE 'g%', c.is_erased, c.amount, c.viewed, c.unlocked, c.refused, c.moved,
        c.adopted
    FROM change c
    ORDER BY c.is_erased
    ON CONFLICT (day, is_guest, is_erased) DO UPDATE SET
        viewers = f.viewers + excluded.viewers, viewed = f.viewed + excluded.viewed,
        unlocked = f.unlocked + excluded.unlocked, refused = f.refused + excluded.refused,
        moved = f.moved + excluded.moved, adopted = f.adopted + excluded.adopted;
END $$;

-- migrate:down
