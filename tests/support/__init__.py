"""The ground of the tests: real servers, real processes, and the ways to hurt them."""
