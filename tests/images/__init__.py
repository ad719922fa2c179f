"""Dockerfiles and the compose file: held to rules, and run as far as that goes without Docker."""
