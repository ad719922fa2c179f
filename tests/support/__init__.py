"""What tests stand on: real servers, real processes, and the ways to hurt them."""
