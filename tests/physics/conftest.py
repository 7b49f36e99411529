"""Every run of these tests computes with one thread, logs to pytest and does not wait for disks."""

from run_fixtures import library_log, no_waiting_for_disks, one_thread

__all__ = ["library_log", "no_waiting_for_disks", "one_thread"]
