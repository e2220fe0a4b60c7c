-- name: hours_of_day
-- What usage_hour must hold of one day, by hour, system and outcome.
-- $1 the day, UTC
SELECT
    date_trunc('hour', e.recorded_at, 'UTC') AS starts_at, split_part(e.code, ':', 1) AS system,
    e.outcome, count(*) AS events, sum(e.views)::bigint AS views
FROM usage_event e
WHERE e.recorded_at >= $1::date::timestamp AT TIME ZONE 'UTC'
    AND e.recorded_at < ($1::date + 1)::timestamp AT TIME ZONE 'UTC'
    AND e.type IN ('view', 'import')
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: code_day_of_day
-- What usage_code_day must hold of one day, by code.
-- $1 the day, UTC
SELECT
    $1::date AS day, e.code, sum(e.views)::bigint AS views,
    COALESCE(sum(e.views) FILTER (WHERE e.outcome = 'U'), 0)::bigint AS unlocked,
    COALESCE(sum(e.views) FILTER (WHERE e.outcome IN ('L', 'N', 'B')), 0)::bigint AS refused
FROM usage_event e
WHERE e.recorded_at >= $1::date::timestamp AT TIME ZONE 'UTC'
    AND e.recorded_at < ($1::date + 1)::timestamp AT TIME ZONE 'UTC'
    AND e.type IN ('view', 'import')
GROUP BY e.code
ORDER BY e.code;

-- name: code_month_of_day
-- What usage_code_month must hold of the month of one day, by code.
-- $1 a day of the month, UTC
SELECT
    date_trunc('month', $1::date::timestamp)::date AS month, e.code,
    sum(e.views)::bigint AS views,
    COALESCE(sum(e.views) FILTER (WHERE e.outcome = 'U'), 0)::bigint AS unlocked,
    COALESCE(sum(e.views) FILTER (WHERE e.outcome IN ('L', 'N', 'B')), 0)::bigint AS refused
FROM usage_event e
WHERE e.recorded_at >= date_trunc('month', $1::date::timestamp) AT TIME ZONE 'UTC'
    AND e.recorded_at
        < (date_trunc('month', $1::date::timestamp) + interval '1 month') AT TIME ZONE 'UTC'
    AND e.type IN ('view', 'import')
GROUP BY e.code
ORDER BY e.code;

-- name: day_of_day
-- What usage_day must hold of one day; `viewers` without those that were erased. No row: no view.
-- $1 the day, UTC
SELECT
    $1::date AS day, count(*) AS events, sum(e.views)::bigint AS views,
    count(DISTINCT e.viewer) AS viewers
FROM usage_event e
WHERE e.recorded_at >= $1::date::timestamp AT TIME ZONE 'UTC'
    AND e.recorded_at < ($1::date + 1)::timestamp AT TIME ZONE 'UTC'
    AND e.type IN ('view', 'import')
HAVING count(*) > 0;

-- name: viewers_of_day
-- What usage_day_viewer must hold of one day, by viewer.
-- $1 the day, UTC
SELECT DISTINCT e.viewer, $1::date AS day
FROM usage_event e
WHERE e.recorded_at >= $1::date::timestamp AT TIME ZONE 'UTC'
    AND e.recorded_at < ($1::date + 1)::timestamp AT TIME ZONE 'UTC'
    AND e.type IN ('view', 'import') AND e.viewer IS NOT NULL
ORDER BY e.viewer;

-- name: key_day_of_day
-- What usage_key_day must hold of one day, by key.
-- $1 the day, UTC
SELECT
    split_part(e.context, '/', 2) AS key_id, $1::date AS day, sum(e.views)::bigint AS views,
    COALESCE(sum(e.views) FILTER (WHERE e.outcome = 'U'), 0)::bigint AS charged,
    COALESCE(sum(e.views) FILTER (WHERE e.outcome = 'R'), 0)::bigint AS repeated,
    COALESCE(sum(e.views) FILTER (WHERE e.outcome IN ('L', 'N', 'B')), 0)::bigint AS refused
FROM usage_event e
WHERE e.recorded_at >= $1::date::timestamp AT TIME ZONE 'UTC'
    AND e.recorded_at < ($1::date + 1)::timestamp AT TIME ZONE 'UTC'
    AND e.type IN ('view', 'import') AND e.context LIKE '%/%'
GROUP BY 1
ORDER BY 1;

-- name: first_touches_of_day
-- What usage_first_touch must hold of the viewers whose first_at is on one day, by viewer.
-- $1 the day, UTC
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
WHERE e.type IN ('view', 'import', 'seal', 'adopt') AND e.viewer IN (
    SELECT d.viewer
    FROM usage_event d
    WHERE d.recorded_at >= $1::date::timestamp AT TIME ZONE 'UTC'
        AND d.recorded_at < ($1::date + 1)::timestamp AT TIME ZONE 'UTC'
        AND d.type IN ('view', 'import', 'seal', 'adopt') AND d.viewer IS NOT NULL
)
GROUP BY e.viewer
HAVING min(e.recorded_at) >= $1::date::timestamp AT TIME ZONE 'UTC'
ORDER BY e.viewer;

-- name: funnel_of_day
-- What usage_funnel must hold of one day where is_erased is false, by is_guest; it is counted from
-- usage_first_touch, which first_touches_of_day proves. A row that is not here holds zeros.
-- $1 the day, UTC
SELECT
    $1::date AS day, t.viewer LIKE 'g%' AS is_guest, count(*) AS viewers,
    count(t.viewed_at) AS viewed, count(t.unlocked_at) AS unlocked, count(t.refused_at) AS refused,
    count(t.moved_at) AS moved, count(t.adopted_at) AS adopted
FROM usage_first_touch t
WHERE t.first_at >= $1::date::timestamp AT TIME ZONE 'UTC'
    AND t.first_at < ($1::date + 1)::timestamp AT TIME ZONE 'UTC'
GROUP BY 2
ORDER BY 2;
