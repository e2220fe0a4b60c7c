-- migrate:up

-- How many changes the catalogue has had. What is read of it may be kept under this number, and
-- nothing of one number holds under the next.
CREATE TABLE catalogue_version (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    number bigint NOT NULL
);
INSERT INTO catalogue_version (number) VALUES (0);

-- Counts one change and tells it to every server when the transaction commits, not before. For
-- whatever changes the catalogue, as the last thing of its transaction: others wait for the row.
-- PostgreSQL takes 8,000 bytes at most, so names are told as far as they fit.
CREATE FUNCTION catalogue_changed(releases text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    counted bigint;
BEGIN
    UPDATE catalogue_version SET number = number + 1 RETURNING number INTO counted;
    PERFORM pg_notify(
        'codestile_catalogue',
        json_build_object(
            'version', counted, 'releases', left(array_to_string(releases, ', '), 1000)
        )::text
    );
    RETURN counted;
END
$$;

-- As HL7 registers them (terminology.hl7.org, 7.0): Level II is one system with its modifiers. Both
-- volumes of ICD-9-CM have one URI there too, as they have here, and an OID each.
UPDATE code_system SET uri = 'http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets'
WHERE key = 'HCPCS_MODIFIER';
UPDATE code_system
SET uri = 'https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software'
WHERE key = 'MSDRG';

-- migrate:down
