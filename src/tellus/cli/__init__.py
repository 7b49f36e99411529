"""The command line: `app`, and a file for each group of commands."""

from .app import app

__all__ = ["app"]
