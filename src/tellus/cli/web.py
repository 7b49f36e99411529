"""`tellus web`: the live simulation, from a server that nobody but this machine can reach."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

import typer

from tellus.errors import InputError
from tellus.io.signals import remembered

from .shell import say

AWAKE = 0.2
"""Seconds between two looks whether a signal has come."""


TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
TYPES |= {".json": "application/json", ".wasm": "application/wasm"}
"""Media types by the end of a name; what the machine has for them may be anything."""


class _Page(SimpleHTTPRequestHandler):
    """Files of the page as they are now, and nothing else."""

    def guess_type(self, path: Any) -> str:
        return TYPES.get(Path(path).suffix, "application/octet-stream")

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing on the terminal."""


def web(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0: any that is free.")
    ] = 0,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser, too.")] = False,
) -> None:
    """Serve the live simulation in a browser; Ctrl-C ends it."""
    with as_file(files("tellus") / "web") as folder:
        if not (folder / "tellus.wasm").is_file():
            raise InputError(f"{folder} lacks tellus.wasm: install Tellus anew, or run `make web`.")
        try:
            server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Page, directory=folder))
        except OSError as error:
            raise InputError(
                f"--port {port} cannot be had ({error.strerror}): name another, or leave it out."
            ) from None
        server.timeout, server.daemon_threads = AWAKE, True
        url = f"http://127.0.0.1:{server.server_port}/"
        say(f"{url} shows the live simulation; Ctrl-C ends it")
        if show:
            import webbrowser

            webbrowser.open(url)
        with server, remembered() as asked:
            while asked.by is None:
                server.handle_request()
