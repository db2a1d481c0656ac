"""Pure steps: what to request, what to read from a reply, and what to keep. No I/O, no clock, no waiting."""
