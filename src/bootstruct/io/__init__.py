"""Files of the outside world: rows in, whole files out, append-only logs."""
