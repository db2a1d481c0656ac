"""A run that is going on: its folder, the scheduler, the streams, and what it has used."""
