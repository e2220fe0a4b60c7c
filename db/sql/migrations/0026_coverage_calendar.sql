-- migrate:up

-- What HCPCS says of coverage and payment comes with its codes, each quarter under their label: it is
-- stale when they are.
INSERT INTO fact_calendar (kind, label, effective_from)
SELECT 'HCPCS_PAYMENT', e.label, e.effective_from
FROM release_calendar e
WHERE e.system = 'HCPCS';

-- migrate:down
