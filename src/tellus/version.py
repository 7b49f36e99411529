"""The version, of the package as it is installed."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("tellus-mantle")
except PackageNotFoundError:
    __version__ = "0+source"
