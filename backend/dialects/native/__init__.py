"""Sluice's own protocol: jobs and their events."""
