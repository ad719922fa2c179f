"""Clients that other projects have written, unchanged but for the base URL, before real processes and each engine."""
