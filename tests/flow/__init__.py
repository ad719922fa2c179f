"""The whole trip: real API and worker processes, a real Valkey, the simulated engine, and everything that may die."""
