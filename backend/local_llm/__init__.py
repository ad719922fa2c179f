"""One prompt, one answer, for callers who know no chat protocol. A door like the others."""
