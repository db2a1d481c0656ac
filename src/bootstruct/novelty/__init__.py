"""The novelty filter: exact ROUGE-L against every text of a pool, without comparing with every text."""
