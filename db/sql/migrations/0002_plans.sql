-- migrate:up

-- What a viewer may do, as data. A change of terms is a new version of a plan, never an edit:
-- every event in the log names the version it was decided under.
CREATE TABLE plan (
    key text NOT NULL CHECK (key ~ '^[a-z][a-z0-9_-]{0,31}$'),
    version integer NOT NULL CHECK (version > 0),
    page_view_limit integer CHECK (page_view_limit >= 0),
    window_kind text NOT NULL CHECK (window_kind IN ('LIFETIME', 'DAY', 'WEEK', 'MONTH', 'ROLLING')),
    time_zone text NOT NULL DEFAULT 'UTC',
    rolling_days integer CHECK (rolling_days BETWEEN 1 AND 3660),
    open_sections text[] NOT NULL CHECK (
        open_sections <@ ARRAY[
            'OFFICIAL_DESCRIPTION', 'COMMON_LANGUAGE', 'GUIDELINES', 'MODIFIERS', 'CROSSWALKS',
            'CODE_EDITS', 'COVERAGE_AND_PAYMENT', 'HISTORY'
        ]
    ),
    can_list_crosswalks boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key, version),
    CHECK ((window_kind = 'ROLLING') = (rolling_days IS NOT NULL))
);

COMMENT ON COLUMN plan.page_view_limit IS 'code pages that may be opened in one window; null: unlimited';
COMMENT ON COLUMN plan.time_zone IS 'IANA name of the zone in which calendar windows begin';

-- The site promises no renewal of the free views, so their window is the lifetime.
INSERT INTO plan
    (key, version, page_view_limit, window_kind, can_list_crosswalks, open_sections)
SELECT
    seed.key, 1, seed.page_view_limit, seed.window_kind, seed.can_list_crosswalks,
    coalesce(seed.open_sections, ARRAY[
        'OFFICIAL_DESCRIPTION', 'COMMON_LANGUAGE', 'GUIDELINES', 'MODIFIERS', 'CROSSWALKS',
        'CODE_EDITS', 'COVERAGE_AND_PAYMENT', 'HISTORY'
    ])
FROM (
    VALUES
        ('guest', 1, 'LIFETIME', false, ARRAY['OFFICIAL_DESCRIPTION', 'COMMON_LANGUAGE']),
        ('registered', 5, 'LIFETIME', false, NULL),
        ('subscriber', NULL, 'LIFETIME', true, NULL),
        -- What a partner has until the contract becomes a plan of its own.
        ('partner', 10000, 'MONTH', true, NULL),
        ('staff', NULL, 'LIFETIME', true, NULL)
) AS seed (
    key, page_view_limit, window_kind, can_list_crosswalks, open_sections
);

-- The key that turns network addresses into pseudonyms for one admission period. Deleting it is
-- what makes the pseudonyms of that period meaningless for ever.
CREATE TABLE network_key (
    period integer PRIMARY KEY,
    key bytea NOT NULL CHECK (octet_length(key) = 32),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- migrate:down
