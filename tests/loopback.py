"""An HTTP server on loopback that leaves no connection open behind."""

from __future__ import annotations

import os
import selectors
import socket
import threading
from http.server import ThreadingHTTPServer
from typing import Any


class LoopbackServer(ThreadingHTTPServer):
    """A thread for each connection, and an end to each connection with its thread.

    A client that goes away in the middle of an answer leaves a file object behind that holds the
    socket open until somebody collects it, which Python then warns of.
    """

    daemon_threads = True
    timeout = 1.0  # of `handle_request`, where a client has given up meanwhile

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._stop, self._stopped = socket.socketpair()
        self._over = threading.Event()

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serve until `shutdown`, which ends it at once: Python's own looks for it now and then,
        and a thousand tests would wait."""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self, selectors.EVENT_READ)
                selector.register(self._stopped, selectors.EVENT_READ)
                while all(key.fileobj is self for key, _ in selector.select()):
                    self.handle_request()
        finally:
            self._over.set()

    def shutdown(self) -> None:
        self._stop.close()
        self._over.wait()

    def server_close(self) -> None:
        super().server_close()
        self._stop.close()
        self._stopped.close()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle the requests of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            if isinstance(request, socket.socket) and (descriptor := request.fileno()) >= 0:
                request.detach()
                os.close(descriptor)
