"""What is noted about each request while a run goes on: a log file, and spans for OpenTelemetry."""
