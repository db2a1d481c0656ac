"""Texts as vectors, whose cosine says how near two texts are in meaning: models, a cache, exact nearest neighbours."""
