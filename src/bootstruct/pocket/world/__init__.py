"""The micro-world of the pocket model: words and facts, a phrasing grammar, families of tasks, and a strict reader."""
