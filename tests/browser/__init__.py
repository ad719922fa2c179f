"""The page in a real Chromium, against real processes and a real Valkey."""
