"""The models of all pools: which there are, their names, and what a request needs of one."""
