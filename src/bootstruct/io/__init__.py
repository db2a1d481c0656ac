"""Files of the outside world: reading rows, writing whole files, append-only logs."""
