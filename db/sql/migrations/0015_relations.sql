-- migrate:up

-- Further sorts of relations between codes: GROUPING puts codes under categories of another system,
-- SUCCESSION tells what was coded before a code existed, REFERENCE names codes to see as well.
ALTER TABLE map_release DROP CONSTRAINT map_release_role_check;
ALTER TABLE map_release ADD CONSTRAINT map_release_role_check CHECK (
    role IN ('CROSSWALK', 'MODIFIER', 'PAIR_EDIT', 'GROUPING', 'SUCCESSION', 'REFERENCE')
);

-- One file of edits or fees names codes of several systems.
ALTER TABLE fact_release ADD COLUMN systems text[];
UPDATE fact_release SET systems = ARRAY [system];
ALTER TABLE fact_release
    ALTER COLUMN systems SET NOT NULL,
    ADD CHECK (systems <> '{}'),
    DROP COLUMN system;

-- migrate:down
