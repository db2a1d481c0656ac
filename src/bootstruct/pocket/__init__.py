"""The pocket model: its micro-world (`world`) and the demo that it runs (`demo`)."""
