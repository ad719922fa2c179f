"""The tests: a folder for each room of the house, `flow/` for whole trips, `support/` for what they stand on."""
