"""Look at a job, follow its events, cancel it."""
