"""The pocket model: the micro-world that it was trained on (`world`), and the demo that it runs (`demo`)."""
