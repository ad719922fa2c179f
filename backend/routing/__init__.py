"""The route of a job: which pool, which model, and what comes next if that fails before the first token."""
