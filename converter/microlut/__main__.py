"""Run the command line as `python -m microlut`."""

from microlut.cli import main

main()
