-- migrate:up

-- Every archived event of a viewer, and of others that name it, detached months included: who asks
-- what is known of them is told all of it. In no order.
CREATE FUNCTION usage_events_about(asked text) RETURNS TABLE (
    recorded_at timestamptz, seq bigint, epoch integer, shard smallint, type text, viewer text,
    other text, request text, private jsonb, kind text, plan text, assignment bigint,
    view_window text, code text, outcome text, used integer, allowed integer, network text,
    context text, views integer, counted_from timestamptz, details jsonb, is_erased boolean
)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    part text;
BEGIN
    FOR part IN
        SELECT 'usage_event'
        UNION ALL
        SELECT format('archive.%I', t.tablename) FROM pg_tables t
        WHERE t.schemaname = 'archive' AND t.tablename LIKE 'usage_event_%'
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT e.recorded_at, e.seq, e.epoch, e.shard, e.type, e.viewer, e.other, e.request,
                 e.private, e.kind, e.plan, e.assignment, e.view_window, e.code, e.outcome, e.used,
                 e.allowed, e.network, e.context, e.views, e.counted_from, e.details, e.is_erased
             FROM %s e WHERE e.viewer = $1 OR e.other = $1', part
        ) USING asked;
    END LOOP;
END $$;

-- migrate:down
