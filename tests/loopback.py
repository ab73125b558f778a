"""An HTTP server on loopback that leaves no connection open behind."""

from __future__ import annotations

import os
import socket
from http.server import ThreadingHTTPServer
from typing import Any


class LoopbackServer(ThreadingHTTPServer):
    """A thread for each connection, and an end to each connection with its thread.

    A client that goes away in the middle of an answer leaves a file object behind that holds the
    socket open until somebody collects it, which Python then warns of.
    """

    daemon_threads = True

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle the requests of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            if isinstance(request, socket.socket) and (descriptor := request.fileno()) >= 0:
                request.detach()
                os.close(descriptor)
