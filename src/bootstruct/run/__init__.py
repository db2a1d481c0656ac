"""A running run: its folder, the scheduler, the streams, and what it has used."""
