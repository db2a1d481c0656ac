"""What a run is asked to do (the recipe, its seeds) and how a model is reached (the machine settings)."""
