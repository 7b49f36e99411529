"""How long the rest of something takes."""


def time_left(seconds: float, done: int, total: int) -> str:
    """How long `total - done` more take, in words, where `done` have taken `seconds`.

    Examples
    --------
    >>> time_left(60.0, done=2, total=10)
    'about 4 minutes left'
    """
    left = seconds / done * (total - done)
    if left < 100.0:
        return f"about {left:.0f} seconds left"
    if left < 100.0 * 60.0:
        return f"about {left / 60.0:.0f} minutes left"
    return f"about {left / 3600.0:.1f} hours left"
