"""Choosing rows to train on: by chance, length, likelihood, grade, distance in meaning, or mixtures; each choice explained."""
