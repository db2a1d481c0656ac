"""Choosing rows for training: at random, or by length, likelihood, grade, distance in meaning, or mixtures of these."""
