"""What a client speaks: a pure translation at the edge, one file each. See `backend.chat.relay.Dialect`."""
