-- name: pages_by_ref
-- What each reference may mean, as `codes_by_ref` of codes.sql gives it; where that is one code that
-- a release describes, its page as JSON: notes with what they name, texts, modifiers, edits, add-on
-- rules, unit limits, payment, groupings and their editions, relative values, history, what was coded
-- before and later, maps, the releases that fill sections of its system, in force or ever, the facts of every code that
-- these name, and all releases.
-- $1 systems, null for any; $2 stored values, as many; $3 the day asked about; $4 most rows of each
-- translation, of edits and of add-on rules.
WITH release AS MATERIALIZED (SELECT r.id, r.body FROM releases_on($3::date) r),
map AS MATERIALIZED (
    SELECT m.id, m.role, m.body, m.source_system
    FROM map_releases_on($3::date) m
    -- The newest table of what was coded before holds all that older ones say.
    WHERE m.role = 'CROSSWALK' AND m.valid @> $3::date
       OR m.role = 'SUCCESSION' AND upper_inf(m.valid)
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
    p.notes, p.texts, p.modifiers, p.edits, p.add_ons, p.unit_limits, p.payment, p.groupings,
    p.editions, p.relative_values, p.history, p.conversions, p.maps, p.sources,
    p.section_editions, p.codes,
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
        SELECT
            l.id, l.distance, n.kind, n.ordinal, n.text,
            CASE WHEN n.reference_count > 0 THEN (
                SELECT jsonb_agg(
                    jsonb_build_object(
                        'raw', r.raw, 'target_id', r.target_id, 'target_end_id', r.target_end_id,
                        'is_open', r.is_open, 'condition', r.condition
                    ) ORDER BY r.ordinal)
                FROM note_reference r
                WHERE r.note_id = n.id
            ) END AS named
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
        SELECT t.total_count, t.edits FROM pair_edits_of(a.id, $3::date, $4::integer, 0) t
    ),
    add_on_rule AS (
        SELECT t.total_count, t.rules FROM add_ons_of(a.id, $3::date, $4::integer, 0) t
    ),
    translation AS (
        SELECT
            m.id, m.body, t.total_count, t.combination_count, t.no_map_count, t.equivalent_count,
            t.lists, t.crosswalks
        FROM map m
        CROSS JOIN LATERAL translation_of(a.id, m.id, false, $4::integer, 0) t
        WHERE m.role = 'CROSSWALK' AND m.source_system = a.system
    ),
    conversion AS (
        SELECT
            w.is_reverse, m.body, t.total_count, t.combination_count, t.no_map_count,
            t.equivalent_count, t.lists, t.crosswalks
        FROM map m
        CROSS JOIN (VALUES (false), (true)) AS w (is_reverse)
        CROSS JOIN LATERAL translation_of(a.id, m.id, w.is_reverse, $4::integer, 0) t
        WHERE m.role = 'SUCCESSION' AND m.source_system = a.system AND t.total_count > 0
    ),
    grouping AS (
        SELECT g.kind, g.group_id, g.texts, g.severity, g.indicator
        FROM groupings_of(a.id, $3::date) g
    ),
    named (id) AS (
        SELECT n.id FROM note n WHERE n.distance > 0
        UNION SELECT i.id
        FROM note n
        CROSS JOIN LATERAL jsonb_to_recordset(n.named)
            AS r (target_id integer, target_end_id integer)
        CROSS JOIN LATERAL unnest(ARRAY [r.target_id, r.target_end_id]) AS i (id)
        UNION SELECT g.group_id FROM grouping g
        UNION SELECT m.id FROM modifier m
        UNION SELECT unnest(ARRAY [x.column_one_id, x.column_two_id])
        FROM edit e
        CROSS JOIN LATERAL jsonb_to_recordset(e.edits)
            AS x (column_one_id integer, column_two_id integer)
        UNION SELECT unnest(ARRAY [x.add_on_id, x.primary_id])
        FROM add_on_rule r
        CROSS JOIN LATERAL jsonb_to_recordset(r.rules) AS x (add_on_id integer, primary_id integer)
        UNION SELECT x.target_id
        FROM translation t
        CROSS JOIN LATERAL jsonb_to_recordset(t.crosswalks) AS x (target_id integer)
        UNION SELECT CASE WHEN t.is_reverse THEN x.source_id ELSE x.target_id END
        FROM conversion t
        CROSS JOIN LATERAL jsonb_to_recordset(t.crosswalks)
            AS x (source_id integer, target_id integer)
    )
    SELECT
        (SELECT jsonb_agg(to_jsonb(n) ORDER BY n.distance, n.ordinal) FROM note n) AS notes,
        (SELECT jsonb_agg(to_jsonb(m) ORDER BY c.value)
         FROM modifier m JOIN code c ON c.id = m.id) AS modifiers,
        (SELECT to_jsonb(e) FROM edit e) AS edits,
        (SELECT to_jsonb(r) FROM add_on_rule r) AS add_ons,
        (SELECT jsonb_agg(to_jsonb(t) ORDER BY t.id) FROM translation t) AS maps,
        (SELECT jsonb_agg(to_jsonb(t)) FROM conversion t) AS conversions,
        (SELECT jsonb_agg(
             jsonb_build_object(
                 'units_per_day', u.units_per_day, 'setting', u.setting,
                 'adjudication', u.adjudication, 'rationale', u.rationale
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
        (SELECT jsonb_agg(to_jsonb(g) ORDER BY c.system, c.seq, c.value)
         FROM grouping g LEFT JOIN code c ON c.id = g.group_id) AS groupings,
        (SELECT jsonb_agg(r.body)
         FROM grouping_releases_on($3::date) r
         WHERE EXISTS (SELECT FROM grouping g)) AS editions,
        (SELECT jsonb_agg(to_jsonb(v) ORDER BY v.fact_release_id, v.modifier)
         FROM relative_value v
         JOIN fact_release r ON r.id = v.fact_release_id
         WHERE v.code_id = a.id AND r.valid @> $3::date) AS relative_values,
        (SELECT jsonb_agg(
             jsonb_build_object('kind', t.section, 'markdown', t.markdown, 'copyright', t.copyright)
         )
         FROM (
             SELECT DISTINCT ON (t.section) t.section, t.markdown, t.copyright
             FROM page_text t
             WHERE t.code_id = a.id AND t.written_on <= $3::date
             ORDER BY t.section, t.version DESC
         ) t
         -- The newest version may be that the text was withdrawn.
         WHERE t.markdown IS NOT NULL) AS texts,
        history_of(a.id) AS history,
        (SELECT jsonb_agg(
             jsonb_build_object(
                 'kind', o.section, 'label', o.label, 'effective_from', lower(o.valid),
                 'effective_to', upper(o.valid) - 1
             ) ORDER BY o.section, lower(o.valid), o.label)
         FROM (
             SELECT
                 CASE m.role WHEN 'GROUPING' THEN 'COVERAGE_AND_PAYMENT' ELSE 'MODIFIERS' END
                     AS section,
                 CASE m.role WHEN 'GROUPING' THEN m.kind || ' ' || m.label ELSE m.label END AS label,
                 m.valid
             FROM map_release m
             WHERE m.role IN ('MODIFIER', 'GROUPING') AND m.source_system = a.system
             UNION
             SELECT
                 filled.section,
                 CASE WHEN f.kind IN ('SEVERITY', 'CHRONIC') THEN f.kind || ' ' || f.label
                     ELSE f.label END,
                 f.valid
             FROM fact_release f
             CROSS JOIN unnest(f.sections) AS filled (section)
             WHERE a.system = ANY (f.systems)
         ) o) AS sources,
        (SELECT jsonb_agg(
             jsonb_build_object('sections', f.sections, 'release', r.body) ORDER BY r.kind, r.id)
         FROM fact_releases_on($3::date) r
         JOIN fact_release f ON f.id = r.id
         WHERE a.system = ANY (r.systems) AND r.valid @> $3::date
           -- Groupings name their own releases.
           AND r.kind NOT IN ('SEVERITY', 'CHRONIC')) AS section_editions,
        (SELECT jsonb_agg(to_jsonb(f))
         FROM named n CROSS JOIN LATERAL code_on(n.id, $3::date) f) AS codes
) p ON a.has_page
ORDER BY a.ordinal, s.position;
