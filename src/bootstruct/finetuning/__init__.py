"""Finetuning: from accepted tasks to a model, with TRL's trainer."""
