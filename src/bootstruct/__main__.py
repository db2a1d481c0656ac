"""`python -m bootstruct`."""

from bootstruct.cli import main

main()
