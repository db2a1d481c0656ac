"""The public Python functions, which do what the commands do. `bootstruct` re-exports their names."""
