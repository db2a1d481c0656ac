"""Engines that send requests in batches: to a server's batch API, or through files."""
