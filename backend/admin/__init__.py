"""Looking after a pool: the queue and the workers live, every tenant's jobs, dead letters. Never what was said."""
