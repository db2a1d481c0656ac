"""The journal: events, the state they add up to, their JSON form, and the file."""
