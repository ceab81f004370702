"""`python -m bench` is `seesaw`."""

from bench.cli import main

main()
