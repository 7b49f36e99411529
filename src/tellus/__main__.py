"""`python -m tellus`."""

from tellus.cli import main

main()
