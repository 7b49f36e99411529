"""Much independent work at once: a dask cluster, local or one that runs already."""

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import Any

import dask
from distributed import Client, KilledWorker, LocalCluster, as_completed, get_worker

from tellus.errors import InputError, RunFailedError
from tellus.io.signals import WATCHED, held

log = logging.getLogger("tellus")

Report = Callable[[str], None]
"""What is called with a line about work that is done."""

TOLD = "tellus"
"""Topic of the lines that tasks `tell`."""


def run_all(
    work: Callable[..., Any],
    tasks: Sequence[tuple[Any, ...]],
    jobs: int = 1,
    scheduler: str | None = None,
    *,
    threads: int | None = 1,
    report: Report | None = None,
    keep_failures: bool = False,
) -> Iterator[Any]:
    """What `work(*task)` returns for each of the tasks, as they end.

    Parameters
    ----------
    work : callable
    tasks : sequence of tuple
        The arguments of each call.
    jobs : int
        Worker processes of a local cluster, each with one task at a time.
    scheduler : str, optional
        Address of a dask scheduler that runs already, instead of a local cluster; it must see
        the same file system.
    threads : int, optional
        Of numerical libraries in each worker of a local cluster; None leaves it to them.
    report : callable, optional
        Takes the lines that tasks `tell` while they work.
    keep_failures : bool
        Yield the exception of a task that failed, and go on with the others.

    Raises
    ------
    InputError
        The scheduler cannot be reached.
    RunFailedError
        Worker processes died again and again.
    """
    if not tasks:
        return
    with _client(min(jobs, len(tasks)), scheduler, threads) as client:
        if not client.scheduler_info()["workers"]:
            log.info("the scheduler has no workers yet: waiting for them")
        if report is not None:
            client.subscribe_topic(TOLD, lambda event: report(event[1]))
        futures = [client.submit(work, *task, pure=False) for task in tasks]
        for future in as_completed(futures):
            try:
                result = _result(future)
            except Exception as failure:
                if not keep_failures:
                    raise
                result = failure
            yield result


def check_scheduler(address: str | None) -> None:
    """Raise InputError where none answers, before anything is begun."""
    if address is not None:
        with _client(1, address, None):
            pass


def tell(line: str) -> None:
    """Inside a task: a line for the `report` of `run_all`."""
    get_worker().log_event(TOLD, line)


def _result(future: Any) -> Any:
    try:
        return future.result()
    except KilledWorker as error:
        raise RunFailedError(
            "worker processes died again and again, most often for want of memory: use fewer "
            "--jobs; the same command goes on."
        ) from error


@contextmanager
def _client(jobs: int, scheduler: str | None, threads: int | None) -> Iterator[Any]:
    """A dask client of the scheduler at this address, or of a local cluster that ends with it."""
    if scheduler is not None:
        try:
            client = Client(scheduler)
        except (OSError, ValueError) as error:
            raise InputError(f"--scheduler {scheduler} cannot be reached: {error}.") from error
        with client:
            yield client
        return
    libraries = () if threads is None else ("OMP", "MKL", "OPENBLAS")
    settings = {
        # On a busy machine a worker may say nothing for minutes; no reason to start it anew.
        "distributed.scheduler.worker-ttl": None,
        # By default dask has malloc return every freed array to the system: page faults twice the
        # cost of a time step at 512x128.
        "distributed.nanny.pre-spawn-environ": {
            f"{library}_NUM_THREADS": threads for library in libraries
        },
    }
    with dask.config.set(settings), ExitStack() as stack:
        with held(), deaf_children():
            cluster = LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                # By default dask ends a worker that takes more than one processor's share.
                memory_limit=None,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,  # a worker's failure is raised here, and said once
            )
            stack.enter_context(cluster)
            client = stack.enter_context(Client(cluster))
        yield client


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes that are started inside don't hear what their parent is to act on.

    A terminal sends Ctrl-C, and word of its end, to all of them, and dask's would end with
    tracebacks. They end when this process does, or asks them to.
    """
    # It unblocks signals when it starts, so let it have started.
    resource_tracker.ensure_running()
    deaf_to = {number for number in WATCHED if number != signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, deaf_to)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
