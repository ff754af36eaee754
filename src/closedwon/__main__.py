"""`python -m closedwon` is the command line."""

from closedwon.site.cli import main

main()
