"""Looking after the pools: queue and workers live, the jobs of all tenants, dead letters. Never a text of a chat."""
