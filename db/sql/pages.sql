-- name: pages_by_ref
-- What each reference may mean, as `codes_by_ref` of codes.sql gives it; where that is one code that
-- a release describes, its page as JSON: notes, texts, modifiers, edits, unit limits, payment,
-- history, maps, the releases that fill sections of its system, the facts of every code these name,
-- and all releases.
-- $1 systems, null for any; $2 stored values, as many; $3 the day asked about; $4 most rows of each
-- translation.
WITH release AS MATERIALIZED (SELECT r.id, r.body FROM releases_on($3::date) r),
map AS MATERIALIZED (
    SELECT m.id, m.body, m.source_system
    FROM map_releases_on($3::date) m
    WHERE m.role = 'CROSSWALK' AND m.valid @> $3::date
),
meant AS (
    SELECT
        a.ordinal, a.system AS asked_system, a.value AS asked_value,
        f.id, f.system, f.value, f.seq, f.starts, f.ends_before, f.kind, f.parent_id,
        f.is_billable, f.title, f.short_title, f.is_system_loaded, f.release_id,
        count(*) FILTER (WHERE f.is_system_loaded OR f.starts IS NULL)
            OVER (PARTITION BY a.ordinal) = 1
            AND f.is_system_loaded AND f.starts IS NOT NULL AS has_page
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (system, value, ordinal)
    LEFT JOIN code c ON c.value = a.value AND (a.system IS NULL OR c.system = a.system)
    LEFT JOIN LATERAL code_on(c.id, $3::date) f ON true
)
SELECT
    a.ordinal::integer AS ordinal,
    n.is_asked_system_loaded, n.newest_release, n.is_beginning,
    a.id, a.system, a.value, a.seq, a.starts, a.ends_before, a.kind, a.parent_id, a.is_billable,
    a.title, a.short_title, a.is_system_loaded, r.body AS release,
    p.notes, p.texts, p.modifiers, p.edits, p.unit_limits, p.payment, p.history, p.maps, p.sources,
    p.codes,
    CASE WHEN a.has_page THEN (SELECT jsonb_agg(r.body) FROM release r) END AS releases
FROM meant a
LEFT JOIN LATERAL (
    SELECT n.is_system_loaded AS is_asked_system_loaded, n.newest_release, n.is_beginning
    FROM absence_on(a.asked_system, a.asked_value, $3::date) n
    WHERE a.id IS NULL
) n ON true
LEFT JOIN code_system s ON s.key = a.system
LEFT JOIN release r ON r.id = a.release_id
LEFT JOIN LATERAL (
    WITH RECURSIVE line (id, distance) AS (
        SELECT a.id, 0
        UNION ALL
        SELECT f.parent_id, l.distance + 1
        FROM line l
        CROSS JOIN LATERAL code_on(l.id, $3::date) f
        WHERE f.parent_id IS NOT NULL
    ),
    note AS (
        SELECT l.id, l.distance, n.kind, n.ordinal, n.text
        FROM line l
        JOIN code_note n ON n.code_id = l.id
        -- A code that has ended, or has yet to begin, shows the notes of its nearest day.
        WHERE n.valid @> GREATEST(a.starts, LEAST($3::date, a.ends_before - 1))
    ),
    modifier AS (
        SELECT e.target_id AS id, e.attrs ->> 'guidance' AS guidance
        FROM edge e
        JOIN map_release m ON m.id = e.map_release_id
        WHERE e.source_id = a.id AND m.role = 'MODIFIER' AND m.valid @> $3::date
    ),
    edit AS (
        SELECT e.id, e.source_id, e.target_id, e.attrs, m.valid
        FROM edge e
        JOIN map_release m ON m.id = e.map_release_id
        WHERE e.source_id = a.id AND m.role = 'PAIR_EDIT' AND m.valid @> $3::date
        UNION
        SELECT e.id, e.source_id, e.target_id, e.attrs, m.valid
        FROM edge e
        JOIN map_release m ON m.id = e.map_release_id
        WHERE e.target_id = a.id AND m.role = 'PAIR_EDIT' AND m.valid @> $3::date
    ),
    translation AS (
        SELECT
            m.id, m.body, t.total_count, t.combination_count, t.no_map_count, t.equivalent_count,
            t.crosswalks
        FROM map m
        CROSS JOIN LATERAL translation_of(a.id, m.id, false, $4::integer, 0) t
        WHERE m.source_system = a.system
    ),
    named (id) AS (
        SELECT n.id FROM note n WHERE n.distance > 0
        UNION SELECT m.id FROM modifier m
        UNION SELECT e.source_id FROM edit e
        UNION SELECT e.target_id FROM edit e
        UNION SELECT x.target_id
        FROM translation t
        CROSS JOIN LATERAL jsonb_to_recordset(t.crosswalks) AS x (target_id integer)
    )
    SELECT
        (SELECT jsonb_agg(to_jsonb(n) ORDER BY n.distance, n.ordinal) FROM note n) AS notes,
        (SELECT jsonb_agg(to_jsonb(m) ORDER BY c.value)
         FROM modifier m JOIN code c ON c.id = m.id) AS modifiers,
        (SELECT jsonb_agg(
             jsonb_build_object(
                 'source_id', e.source_id, 'target_id', e.target_id, 'attrs', e.attrs,
                 'effective_from', lower(e.valid), 'effective_to', upper(e.valid) - 1
             ) ORDER BY e.id)
         FROM edit e) AS edits,
        (SELECT jsonb_agg(to_jsonb(t) ORDER BY t.id) FROM translation t) AS maps,
        (SELECT jsonb_agg(
             jsonb_build_object(
                 'units_per_day', u.units_per_day, 'setting', u.setting, 'rationale', u.rationale
             ) ORDER BY u.setting NULLS FIRST, u.fact_release_id)
         FROM unit_limit u
         JOIN fact_release r ON r.id = u.fact_release_id
         WHERE u.code_id = a.id AND r.valid @> $3::date) AS unit_limits,
        (SELECT jsonb_agg(
             jsonb_build_object('name', f.name, 'value', f.value, 'source', r.source)
             ORDER BY f.fact_release_id, f.ordinal)
         FROM payment_fact f
         JOIN fact_release r ON r.id = f.fact_release_id
         WHERE f.code_id = a.id AND r.valid @> $3::date) AS payment,
        (SELECT jsonb_agg(
             jsonb_build_object('kind', t.section, 'markdown', t.markdown, 'copyright', t.copyright)
         )
         FROM (
             SELECT DISTINCT ON (t.section) t.section, t.markdown, t.copyright
             FROM page_text t
             WHERE t.code_id = a.id AND t.written_on <= $3::date
             ORDER BY t.section, t.version DESC
         ) t) AS texts,
        history_of(a.id) AS history,
        (SELECT jsonb_agg(
             jsonb_build_object(
                 'kind', o.section, 'label', o.label, 'effective_from', lower(o.valid),
                 'effective_to', upper(o.valid) - 1
             ) ORDER BY o.section, lower(o.valid), o.label)
         FROM (
             SELECT
                 CASE m.role WHEN 'MODIFIER' THEN 'MODIFIERS' ELSE 'CODE_EDITS' END AS section,
                 m.label, m.valid
             FROM map_release m
             WHERE (m.role = 'MODIFIER' AND m.source_system = a.system)
                OR (m.role = 'PAIR_EDIT' AND a.system IN (m.source_system, m.target_system))
             UNION
             SELECT filled.section, f.label, f.valid
             FROM fact_release f
             CROSS JOIN unnest(f.sections) AS filled (section)
             WHERE a.system = ANY (f.systems)
         ) o) AS sources,
        (SELECT jsonb_agg(to_jsonb(f))
         FROM named n CROSS JOIN LATERAL code_on(n.id, $3::date) f) AS codes
) p ON a.has_page
ORDER BY a.ordinal, s.position;
