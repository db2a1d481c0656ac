"""Engines turn prompts into replies: one small protocol (`base`), and wrappers, which are engines made of engines."""
