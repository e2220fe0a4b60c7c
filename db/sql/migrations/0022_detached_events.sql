-- migrate:up

-- Archived events of a shard in months that were detached and are still in the schema `archive`, in
-- the order of seq; `most` at most.
CREATE FUNCTION usage_detached_events(wanted_shard smallint, after_seq bigint, most integer)
RETURNS TABLE (
    recorded_at timestamptz, seq bigint, epoch integer, shard smallint, type text, viewer text,
    other text, request text, private jsonb, kind text, plan text, assignment bigint,
    view_window text, code text, outcome text, used integer, allowed integer, network text,
    context text, views integer, counted_from timestamptz, details jsonb, is_erased boolean,
    commitment bytea, chain bytea
)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    part text;
    wanted integer := most;
    given integer;
BEGIN
    FOR part IN
        SELECT format('archive.%I', t.tablename)
        FROM usage_boundary b
        JOIN pg_tables t
            ON t.schemaname = 'archive' AND t.tablename = 'usage_event_' || to_char(b.month, 'YYYY_MM')
        WHERE b.shard = wanted_shard AND b.seq > after_seq
        ORDER BY b.month
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT e.recorded_at, e.seq, e.epoch, e.shard, e.type, e.viewer, e.other, e.request,
                 e.private, e.kind, e.plan, e.assignment, e.view_window, e.code, e.outcome, e.used,
                 e.allowed, e.network, e.context, e.views, e.counted_from, e.details, e.is_erased,
                 e.commitment, e.chain
             FROM %s e WHERE e.shard = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3', part
        ) USING wanted_shard, after_seq, wanted;
        GET DIAGNOSTICS given = ROW_COUNT;
        wanted := wanted - given;
        EXIT WHEN wanted <= 0;
    END LOOP;
END $$;

-- migrate:down
