"""What all tests share is a plugin of those processes that run any."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """One that only hands tests out to others has nothing to import."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.pluginmanager.import_plugin("helpers.quick")
