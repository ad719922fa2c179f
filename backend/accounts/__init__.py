"""Callers: who sends a request, and whose budget it uses."""
