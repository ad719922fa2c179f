"""Conversations: threads, their messages as a tree, turns, search, export and titles."""
