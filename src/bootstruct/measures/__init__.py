"""Measures of diversity: from texts, verb-object pairs and vectors to numbers. Pure."""
