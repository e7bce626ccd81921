"""One file an engine: how it starts, how it is reached, what its own variables are."""
