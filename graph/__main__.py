"""`python -m graph` is the console script."""

from graph.cli import main

main()
