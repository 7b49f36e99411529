"""A cluster on this machine: one for all tests, as its processes take seconds to start."""

import signal

import psutil

from tellus.coupling.cluster import run_all

# Modules of tests cannot be imported in a worker.
TOLD = "__import__('tellus.coupling.cluster', fromlist='tell').tell('{}')"
IN_A_WORKER = {
    "begun": TOLD.format("begun"),
    "blocked": "__import__('signal').pthread_sigmask(__import__('signal').SIG_BLOCK, [])",
    "trim": "__import__('os').getenv('MALLOC_TRIM_THRESHOLD_')",
    "threads": "__import__('os').getenv('OMP_NUM_THREADS')",
    "failed": "1 / 0",
    "done": TOLD.format("done"),
}


def listening_addresses() -> set[tuple[str, int]]:
    """Where this process, which holds the scheduler, and its children accept connections."""
    me = psutil.Process()
    return {
        (connection.laddr.ip, connection.laddr.port)
        for process in (me, *me.children(recursive=True))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def test_a_cluster_tells_fails_hears_no_terminal_and_listens_on_the_loopback_alone() -> None:
    """Tasks tell while they work and fail alone. Its processes would end with tracebacks.

    They keep freed memory: Dask's own setting returns every array, at twice the cost of a step at
    512x128. And they have one thread.
    """
    others = listening_addresses()  # of tests before this one
    said: list[str] = []
    opened, answers, failures = set(), {}, []
    texts = [(f"('{name}', {text})",) for name, text in IN_A_WORKER.items()]
    for answer in run_all(eval, texts, report=said.append, keep_failures=True):
        opened |= {address for address, _ in listening_addresses() - others}
        if isinstance(answer, Exception):
            failures.append(type(answer))
        else:
            answers |= dict([answer])
    assert said == ["begun", "done"]
    assert failures == [ZeroDivisionError]
    assert signal.SIGINT in answers["blocked"]
    assert signal.SIGTERM not in answers["blocked"]
    assert (answers["trim"], answers["threads"]) == (None, "1")
    assert opened
    assert opened <= {"127.0.0.1", "::1"}
