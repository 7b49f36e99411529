"""Work in children of this process, which need not import what it has imported."""

import os
import signal
import time
import traceback
from collections.abc import Callable


def forked(work: Callable[[], object], **environment: str) -> int:
    """The process in which `work` is done, under these variables; it ends with status 0 or 1."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.environ |= environment
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def ended(child: int, seconds: float = 60.0) -> int | None:
    """Exit status of a child, None if it hangs."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
