"""Diagnosis: which packages are installed (`installation`), and what a server supports (`server`)."""
