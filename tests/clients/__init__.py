"""Clients that others have written, unchanged but for the base URL, before real processes and each engine."""
