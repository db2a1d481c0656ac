"""The novelty filter alone, for any file of texts."""
