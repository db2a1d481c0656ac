"""Observation of each request of a running run: a log file, and spans for OpenTelemetry."""
