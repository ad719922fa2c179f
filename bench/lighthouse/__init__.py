"""Lighthouse's scores of the chat and the admin page of a running house, on a desktop and on a phone."""
