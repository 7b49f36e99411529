"""Every run of these tests computes with one thread and logs to pytest."""

from helpers.run_fixtures import library_log, one_thread

__all__ = ["library_log", "one_thread"]
