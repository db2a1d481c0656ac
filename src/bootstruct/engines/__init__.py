"""Engines turn prompts into replies: one small protocol (`base`), and wrappers that are engines made of engines."""
