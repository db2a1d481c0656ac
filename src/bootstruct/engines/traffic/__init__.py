"""How many requests are in flight, at which server, and what happens when one fails."""
