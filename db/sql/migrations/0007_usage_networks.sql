-- migrate:up

-- How many guests of a network were admitted is asked while the ledger's store is away.
CREATE INDEX usage_event_network ON usage_event (split_part(network, '/', 1), seq)
WHERE network IS NOT NULL;

-- migrate:down
