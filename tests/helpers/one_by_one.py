"""In the place of a cluster: tasks one after the other in this process."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cloudpickle

from tellus.errors import InterruptedRunError


def run_all(
    work: Callable[..., Any],
    tasks: Sequence[tuple[Any, ...]],
    *_: Any,
    keep_failures: bool = False,
    **options: Any,
) -> Iterator[Any]:
    """As that of `tellus.coupling.cluster`, by way of what would take them to other processes."""
    for task in tasks:
        work, task = cloudpickle.loads(cloudpickle.dumps((work, task)))
        try:
            found = work(*task)
        except Exception as failure:
            # What a signal stops stops all of this process.
            if not keep_failures or isinstance(failure, InterruptedRunError):
                raise
            found = failure
        yield found
