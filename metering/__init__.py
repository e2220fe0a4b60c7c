"""Who may see how much, and what they saw: rules, the ledger in Redis or Valkey, its proof."""
