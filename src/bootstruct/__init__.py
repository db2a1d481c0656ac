"""bootstruct: a language model teaches itself to follow instructions (Self-Instruct, arXiv 2212.10560)."""

__version__ = "0.1.0"
