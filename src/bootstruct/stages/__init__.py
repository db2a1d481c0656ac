"""Pure steps: what is asked, what is read, what is kept and why. No I/O, no clock, no waiting."""
