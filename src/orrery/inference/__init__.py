"""Proposals for a user's own file: how it is written, what its columns are, how they fill a system's table."""
