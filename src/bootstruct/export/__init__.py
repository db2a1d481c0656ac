"""Training files from a run: its rows (`rows`), and the formats that they are written in (`formats`)."""
