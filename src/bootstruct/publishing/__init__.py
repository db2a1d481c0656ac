"""Data sets on the Hugging Face hub: what would go there, its description, and sending it."""
