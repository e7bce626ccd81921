"""`orrery drill`: a system is killed, stopped, starved, cut off wherever it has a fault point, and must come back."""
