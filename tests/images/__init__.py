"""Dockerfiles and the compose file: checked by rules, and run as far as that goes without Docker."""
