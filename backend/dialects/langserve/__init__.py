"""LangServe's protocol, which the page speaks."""
