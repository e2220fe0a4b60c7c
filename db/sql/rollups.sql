-- name: hours_that_differ
-- Where usage_hour is not what the events say, 100 at most, by time, system and outcome.
-- $1 first instant that is compared
WITH counted AS (
    SELECT
        date_trunc('hour', e.recorded_at, 'UTC') AS starts_at, split_part(e.code, ':', 1) AS system,
        e.outcome, count(*) AS events, sum(e.views)::bigint AS views
    FROM usage_event e
    WHERE e.recorded_at >= $1 AND e.type IN ('view', 'import')
    GROUP BY 1, 2, 3
)
SELECT
    concat_ws(' ', to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), system, outcome)
        AS place,
    format('%s events, %s views', r.events, r.views) AS stored,
    format('%s events, %s views', c.events, c.views) AS counted
FROM (
    SELECT h.starts_at, h.system, h.outcome, h.events, h.views
    FROM usage_hour h WHERE h.starts_at >= $1
) r
FULL JOIN counted c USING (starts_at, system, outcome)
WHERE (r.events, r.views) IS DISTINCT FROM (c.events, c.views)
ORDER BY 1
LIMIT 100;

-- name: code_days_that_differ
-- Where usage_code_day is not what the events say, 100 at most, by day and code.
-- $1 first instant that is compared
WITH counted AS (
    SELECT
        (e.recorded_at AT TIME ZONE 'UTC')::date AS day, e.code, sum(e.views)::bigint AS views,
        COALESCE(sum(e.views) FILTER (WHERE e.outcome = 'U'), 0)::bigint AS unlocked,
        COALESCE(sum(e.views) FILTER (WHERE e.outcome IN ('L', 'N', 'B')), 0)::bigint AS refused
    FROM usage_event e
    WHERE e.recorded_at >= $1 AND e.type IN ('view', 'import')
    GROUP BY 1, 2
)
SELECT
    concat_ws(' ', day, code) AS place,
    format('%s views, %s unlocked, %s refused', r.views, r.unlocked, r.refused) AS stored,
    format('%s views, %s unlocked, %s refused', c.views, c.unlocked, c.refused) AS counted
FROM (
    SELECT d.day, d.code, d.views, d.unlocked, d.refused
    FROM usage_code_day d
    WHERE d.day >= ($1::timestamptz AT TIME ZONE 'UTC')::date
) r
FULL JOIN counted c USING (day, code)
WHERE (r.views, r.unlocked, r.refused) IS DISTINCT FROM (c.views, c.unlocked, c.refused)
ORDER BY 1
LIMIT 100;

-- name: code_months_that_differ
-- Where usage_code_month is not what the events say, 100 at most, by month and code.
-- $1 first instant that is compared, the start of a month
WITH counted AS (
    SELECT
        date_trunc('month', e.recorded_at AT TIME ZONE 'UTC')::date AS month, e.code,
        sum(e.views)::bigint AS views,
        COALESCE(sum(e.views) FILTER (WHERE e.outcome = 'U'), 0)::bigint AS unlocked,
        COALESCE(sum(e.views) FILTER (WHERE e.outcome IN ('L', 'N', 'B')), 0)::bigint AS refused
    FROM usage_event e
    WHERE e.recorded_at >= $1 AND e.type IN ('view', 'import')
    GROUP BY 1, 2
)
SELECT
    concat_ws(' ', to_char(month, 'YYYY-MM'), code) AS place,
    format('%s views, %s unlocked, %s refused', r.views, r.unlocked, r.refused) AS stored,
    format('%s views, %s unlocked, %s refused', c.views, c.unlocked, c.refused) AS counted
FROM (
    SELECT m.month, m.code, m.views, m.unlocked, m.refused
    FROM usage_code_month m
    WHERE m.month >= ($1::timestamptz AT TIME ZONE 'UTC')::date
) r
FULL JOIN counted c USING (month, code)
WHERE (r.views, r.unlocked, r.refused) IS DISTINCT FROM (c.views, c.unlocked, c.refused)
ORDER BY 1
LIMIT 100;

-- name: days_that_differ
-- Where usage_day is not what the events say, 100 at most, by day; viewers erased since are left out
-- of both sides.
-- $1 first instant that is compared
WITH counted AS (
    SELECT
        (e.recorded_at AT TIME ZONE 'UTC')::date AS day, count(*) AS events,
        sum(e.views)::bigint AS views, count(DISTINCT e.viewer) AS viewers
    FROM usage_event e
    WHERE e.recorded_at >= $1 AND e.type IN ('view', 'import')
    GROUP BY 1
),
stored AS (
    SELECT r.day, r.events, r.views, r.viewers - r.erased_viewers AS viewers
    FROM usage_day r
    WHERE r.day >= ($1::timestamptz AT TIME ZONE 'UTC')::date
)
SELECT
    day::text AS place,
    format('%s events, %s views, %s viewers', s.events, s.views, s.viewers) AS stored,
    format('%s events, %s views, %s viewers', c.events, c.views, c.viewers) AS counted
FROM stored s
FULL JOIN counted c USING (day)
WHERE (s.events, s.views, s.viewers) IS DISTINCT FROM (c.events, c.views, c.viewers)
ORDER BY 1
LIMIT 100;

-- name: key_days_that_differ
-- Where usage_key_day is not what the events say, 100 at most, by key and day.
-- $1 first instant that is compared
WITH counted AS (
    SELECT
        split_part(e.context, '/', 2) AS key_id, (e.recorded_at AT TIME ZONE 'UTC')::date AS day,
        sum(e.views)::bigint AS views,
        COALESCE(sum(e.views) FILTER (WHERE e.outcome = 'U'), 0)::bigint AS charged,
        COALESCE(sum(e.views) FILTER (WHERE e.outcome = 'R'), 0)::bigint AS repeated,
        COALESCE(sum(e.views) FILTER (WHERE e.outcome IN ('L', 'N', 'B')), 0)::bigint AS refused
    FROM usage_event e
    WHERE e.recorded_at >= $1 AND e.type IN ('view', 'import') AND e.context LIKE '%/%'
    GROUP BY 1, 2
)
SELECT
    concat_ws(' ', key_id, day) AS place,
    format('%s views, %s charged, %s repeated, %s refused',
        r.views, r.charged, r.repeated, r.refused) AS stored,
    format('%s views, %s charged, %s repeated, %s refused',
        c.views, c.charged, c.repeated, c.refused) AS counted
FROM (
    SELECT k.key_id, k.day, k.views, k.charged, k.repeated, k.refused
    FROM usage_key_day k
    WHERE k.day >= ($1::timestamptz AT TIME ZONE 'UTC')::date
) r
FULL JOIN counted c USING (key_id, day)
WHERE (r.views, r.charged, r.repeated, r.refused)
    IS DISTINCT FROM (c.views, c.charged, c.repeated, c.refused)
ORDER BY 1
LIMIT 100;

-- name: first_touches_that_differ
-- Where usage_first_touch is not what the events say, 100 at most, by viewer.
-- $1 first instant that is compared: viewers who were there before are left out
WITH counted AS (
    SELECT
        e.viewer, min(e.recorded_at) AS first_at,
        min(e.recorded_at) FILTER (WHERE e.type IN ('view', 'import')) AS viewed_at,
        min(e.recorded_at) FILTER (WHERE e.outcome = 'U' AND e.type IN ('view', 'import'))
            AS unlocked_at,
        min(e.recorded_at) FILTER (
            WHERE e.outcome IN ('L', 'N', 'B') AND e.type IN ('view', 'import')
        ) AS refused_at,
        min(e.recorded_at) FILTER (WHERE e.type = 'seal') AS moved_at,
        min(e.recorded_at) FILTER (WHERE e.type = 'adopt') AS adopted_at
    FROM usage_event e
    WHERE e.recorded_at >= $1 AND e.viewer IS NOT NULL
        AND e.type IN ('view', 'import', 'seal', 'adopt')
        AND NOT EXISTS (
            SELECT FROM usage_first_touch b WHERE b.viewer = e.viewer AND b.first_at < $1
        )
    GROUP BY e.viewer
)
SELECT
    viewer AS place,
    concat_ws(', ', r.first_at, r.viewed_at, r.unlocked_at, r.refused_at, r.moved_at, r.adopted_at)
        AS stored,
    concat_ws(', ', c.first_at, c.viewed_at, c.unlocked_at, c.refused_at, c.moved_at, c.adopted_at)
        AS counted
FROM (
    SELECT
        t.viewer, t.first_at, t.viewed_at, t.unlocked_at, t.refused_at, t.moved_at, t.adopted_at
    FROM usage_first_touch t WHERE t.first_at >= $1
) r
FULL JOIN counted c USING (viewer)
WHERE (r.first_at, r.viewed_at, r.unlocked_at, r.refused_at, r.moved_at, r.adopted_at)
    IS DISTINCT FROM
    (c.first_at, c.viewed_at, c.unlocked_at, c.refused_at, c.moved_at, c.adopted_at)
ORDER BY 1
LIMIT 100;

-- name: day_viewers_that_differ
-- Where usage_day_viewer is not what the events say, 100 at most, by day and viewer.
-- $1 first instant that is compared
WITH counted AS (
    SELECT DISTINCT e.viewer, (e.recorded_at AT TIME ZONE 'UTC')::date AS day
    FROM usage_event e
    WHERE e.recorded_at >= $1 AND e.type IN ('view', 'import') AND e.viewer IS NOT NULL
),
stored AS (
    SELECT v.viewer, v.day
    FROM usage_day_viewer v
    WHERE v.day >= ($1::timestamptz AT TIME ZONE 'UTC')::date
)
SELECT
    concat_ws(' ', day, viewer) AS place,
    CASE WHEN s.viewer IS NULL THEN 'nothing' ELSE 'a view' END AS stored,
    CASE WHEN c.viewer IS NULL THEN 'nothing' ELSE 'a view' END AS counted
FROM stored s
FULL JOIN counted c USING (viewer, day)
WHERE s.viewer IS NULL OR c.viewer IS NULL
ORDER BY 1
LIMIT 100;

-- name: funnels_that_differ
-- Where usage_funnel is not what usage_first_touch says, which is compared with the events itself,
-- 100 at most, by day; a row that counts nobody may be missing. What was erased is not compared:
-- nothing is left to count it from.
-- $1 first instant that is compared
WITH counted AS (
    SELECT
        (t.first_at AT TIME ZONE 'UTC')::date AS day, t.viewer LIKE 'g%' AS is_guest,
        count(*) AS viewers, count(t.viewed_at) AS viewed, count(t.unlocked_at) AS unlocked,
        count(t.refused_at) AS refused, count(t.moved_at) AS moved, count(t.adopted_at) AS adopted
    FROM usage_first_touch t
    WHERE t.first_at >= $1
    GROUP BY 1, 2
),
stored AS (
    SELECT
        f.day, f.is_guest, f.viewers, f.viewed, f.unlocked, f.refused, f.moved, f.adopted
    FROM usage_funnel f
    WHERE f.day >= ($1::timestamptz AT TIME ZONE 'UTC')::date AND NOT f.is_erased
        AND (f.viewers, f.viewed, f.unlocked, f.refused, f.moved, f.adopted)
            <> (0, 0, 0, 0, 0, 0)
)
SELECT
    concat_ws(' ', day, CASE WHEN is_guest THEN 'guests' ELSE 'accounts' END) AS place,
    format('%s viewers, %s viewed, %s unlocked, %s refused, %s moved, %s adopted',
        s.viewers, s.viewed, s.unlocked, s.refused, s.moved, s.adopted) AS stored,
    format('%s viewers, %s viewed, %s unlocked, %s refused, %s moved, %s adopted',
        c.viewers, c.viewed, c.unlocked, c.refused, c.moved, c.adopted) AS counted
FROM stored s
FULL JOIN counted c USING (day, is_guest)
WHERE (s.viewers, s.viewed, s.unlocked, s.refused, s.moved, s.adopted)
    IS DISTINCT FROM (c.viewers, c.viewed, c.unlocked, c.refused, c.moved, c.adopted)
ORDER BY 1
LIMIT 100;
