"""The wire: its scripts on a real server."""
