"""The pool as one big Ollama: its routes, each nothing but its dialect's door, or a look at the catalogue."""
