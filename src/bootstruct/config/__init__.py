"""What a run does (the recipe, its seeds) and how a model is reached (the machine settings)."""
