"""The main hall: a chat comes in by an endpoint, is let in by the service, and goes out by the relay."""
