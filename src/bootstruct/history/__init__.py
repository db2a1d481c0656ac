"""Runs before, after and out of other runs: preview, verify, rejudge, rewrite, import."""
