"""Training files from a run: its rows (`rows`), and their formats (`formats`)."""
