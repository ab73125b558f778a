"""Real git servers on loopback, and what can be wrong with them.

`Server` runs `git http-backend` behind Python's HTTP server, for clones and pushes of every bare
repository in a folder. The first part of a URL's path says what goes wrong: ``/ok/repo.git`` is
fine, and ``/429x2/repo.git`` answers 429 twice and is fine then. `daemon` runs `git daemon`;
`stand_in_for_ssh` writes a program that takes ssh's place, as git calls it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import struct
import subprocess
import threading
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import IO, Any
from urllib.parse import SplitResult, unquote, urlsplit

from tests.loopback import LoopbackServer
from tests.sources.servers import Forge, respond

USER, PASSWORD = "reader", "s3cret-t0ken"  # what /401/ lets in
_TURN = re.compile(r"([a-z0-9-]+?)(?:x([0-9]+))?\Z")


@dataclass(frozen=True)
class Request:
    """One request, as it came."""

    method: str
    path: str
    query: str
    authorization: str | None


class Server:
    """A git server at `url`, for the bare repositories below ``root``.

    Faults, as the first part of the path; ``xN`` after it: the first N requests only.

    ``500``, ``503``, ``429``, ``403``, ``404``, ``410``  that status, with `page` as plain text;
    ``401``  a user and password are wanted (`USER`, `PASSWORD`);
    ``hang``  no answer; ``reset``  the connection is reset;
    ``cut``  a pack ends in the middle, with the connection; ``short``  it ends in the middle of a
    well-formed answer; ``junk``  its bytes are wrong; ``trickle``  a byte each 50 ms;
    ``elsewhere``  a redirect to another host (`other`); ``moved``  one to ``/ok/`` here;
    ``circle``  one to itself; ``lost``  the push is done, the answer is not sent;
    ``page``  status 200 and `page`, whatever was asked for;
    ``flood``  refs without end; ``v0``  git's oldest protocol; ``names``  the refs of `names`.
    """

    def __init__(self, root: Path, at: str = "127.0.0.1") -> None:
        self.root, self.at = root, at
        self.other = "http://localhost.invalid"
        self.names: list[tuple[bytes, str]] = []
        """Names and ids of refs, as a server that lies has them."""
        self.page = b""
        self.requests: list[Request] = []
        self.pushes: Counter[tuple[str, str]] = Counter()
        """How often each ref of each repository was pushed with success."""
        self.busy = self.busiest = 0
        """Requests that are being answered, and the most that ever were at one time."""
        self.before: Callable[[Request], object] = lambda request: None
        """Is called with each request before it is answered."""
        self.mended = False
        """Whether no fault is one any more."""
        self.forge: Forge | None = None
        """Answers what lies below its prefix; its ``url`` is to be ``.../ok`` here, as for git."""
        self.lock = threading.Lock()
        self.faults: Counter[str] = Counter()
        self.over = threading.Event()
        server = self

        class Handler(_Handler):
            site = server

        self._http = _HTTP((at, 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    @property
    def host(self) -> str:
        return f"{self.at}:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._http.shutdown()
        self._http.server_close()


class _HTTP(LoopbackServer):
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the body of an answer may wait for 40 ms
    site: Server
    counted = False

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error."""

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self._body())

    do_PUT = do_PATCH = do_DELETE = do_POST

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _serve(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        authorization = self.headers.get("Authorization")
        request = Request(self.command, parts.path, parts.query, authorization)
        with self.site.lock:
            self.site.requests.append(request)
            self.site.busy += 1
            self.site.busiest = max(self.site.busiest, self.site.busy)
        self.counted = True
        self.site.before(request)
        forge, path = self.site.forge, self.path.removeprefix("/ok")
        try:
            if forge is not None and forge.serves(path):
                respond(self, forge, path, body, self.site.over)
            else:
                self._respond(parts, body, authorization)
        finally:
            self._answered()

    def _answered(self) -> None:
        """Before the last byte is sent, after which the client may be at its next request."""
        with self.site.lock:
            self.site.busy -= self.counted
            self.counted = False

    def _respond(self, parts: SplitResult, body: bytes, authorization: str | None) -> None:
        first, _, rest = unquote(parts.path).lstrip("/").partition("/")
        match = _TURN.match(first)
        assert match is not None, self.path
        fault = "ok" if self.site.mended else match[1]
        if fault == "lost" and not rest.endswith("/git-receive-pack"):
            fault = "ok"
        elif match[2]:
            place = f"{first}/{rest.partition('.git/')[0]}"
            with self.site.lock:
                self.site.faults[place] += 1
                if self.site.faults[place] > int(match[2]):
                    fault = "ok"
        if fault == "401":
            fault = "ok" if self._is_let_in(authorization) else "401"
        if fault == "hang":
            self.site.over.wait(30)
            self.close_connection = True
        elif fault == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
        elif fault in ("elsewhere", "moved", "circle"):
            there = {"elsewhere": f"{self.site.other}/ok", "moved": f"{self.site.url}/ok"}
            query = f"?{parts.query}" if parts.query else ""
            place = there.get(fault, f"{self.site.url}/circle")
            self._answer(301, [("Location", f"{place}/{rest}{query}")])
        elif fault.isdigit():
            headers = [("WWW-Authenticate", 'Basic realm="git"')] if fault == "401" else []
            self._answer(int(fault), [*headers, ("Content-Type", "text/plain")], self.site.page)
        elif fault == "page":
            self._answer(200, [("Content-Type", "text/html")], self.site.page)
        elif fault == "names" and self.command == "GET":
            self._lie()
        else:
            self._git("/" + rest, parts.query, body, "v0" if fault == "names" else fault)

    def _lie(self) -> None:
        """git's oldest advertisement (gitprotocol-http(5)) with any names."""
        what = b"multi_ack_detailed side-band-64k thin-pack ofs-delta shallow no-done"
        what += b" allow-tip-sha1-in-want symref=HEAD:refs/heads/main"
        lines = [b"# service=git-upload-pack\n", b""]
        for number, (name, oid) in enumerate(self.site.names):
            caps = b"\0" + what if number == 0 else b""
            lines.append(b"%s %s%s\n" % (oid.encode(), name, caps))
        lines.append(b"")
        body = b"".join(b"%04x%s" % (len(line) + 4, line) if line else b"0000" for line in lines)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @staticmethod
    def _is_let_in(authorization: str | None) -> bool:
        kind, _, value = (authorization or "").partition(" ")
        return kind == "Basic" and b64decode(value) == f"{USER}:{PASSWORD}".encode()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes = b"") -> None:
        self._answered()
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _git(self, path: str, query: str, body: bytes, fault: str) -> None:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": os.fspath(self.site.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "tester",  # lets receive-pack in
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": "" if fault == "v0" else self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "receive.autogc",
            "GIT_CONFIG_VALUE_1": "false",
        }
        if self.headers.get("Content-Encoding"):
            env["HTTP_CONTENT_ENCODING"] = self.headers["Content-Encoding"]
        child = subprocess.Popen(
            ["git", "http-backend"],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        feed = threading.Thread(target=_feed, args=(child.stdin, body), daemon=True)
        feed.start()
        try:
            head = b"".join(iter(child.stdout.readline, b"\r\n")).decode("latin-1")
            headers = [line.split(": ", 1) for line in head.splitlines() if ": " in line]
            known = {name.lower(): value for name, value in headers}
            status = int(known.pop("status", "200 OK").split()[0])
            if path.endswith("/git-receive-pack"):
                answer = child.stdout.read()
                self._count(path, body, answer)
                if fault == "lost":
                    self.close_connection = True
                    return
                pieces: Iterator[bytes] = iter([answer])
            else:
                pieces = iter(lambda: child.stdout.read(1 << 16), b"")  # type: ignore[union-attr]
            self.send_response(status)
            for name, value in headers:
                if name.lower() != "status":
                    self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._stream(pieces, fault, is_pack=b"command=fetch" in body[:64])
        except OSError:  # the client went away
            self.close_connection = True
        finally:
            child.stdout.close()
            child.kill()
            child.wait()

    def _stream(self, pieces: Iterator[bytes], fault: str, *, is_pack: bool) -> None:
        for piece in pieces:
            if is_pack and fault in ("cut", "short") and b"PACK" in piece:
                at = piece.index(b"PACK") + 30
                self._chunk(piece[:at])
                if fault == "cut":
                    self.close_connection = True
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                break
            if is_pack and fault == "junk" and b"PACK" in piece:
                at = piece.index(b"PACK") + 12
                piece = piece[:at] + b"G" * 20 + piece[at + 20 :]
            if is_pack and fault == "trickle":
                for byte in piece:
                    self._chunk(bytes([byte]))
                    time.sleep(0.05)
            self._chunk(piece)
        if fault == "flood":
            line = b"0" * 39 + b"1 refs/heads/"
            for number in range(100_000_000):
                text = line + b"x%d\n" % number
                self._chunk(b"%04x%s" % (len(text) + 4, text) * 1000)
        self._answered()
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, piece: bytes) -> None:
        if piece:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def _count(self, path: str, body: bytes, answer: bytes) -> None:
        repository = path.removesuffix("/git-receive-pack").lstrip("/")
        at = 0
        while size := int(body[at : at + 4] or b"0", 16):
            command = body[at + 4 : at + size].split(b"\0")[0].split(b" ")
            at += size
            if len(command) == 3 and b"ok " + command[2].rstrip() in answer:
                with self.site.lock:
                    self.site.pushes[repository, command[2].rstrip().decode()] += 1


def _feed(pipe: IO[bytes], body: bytes) -> None:
    with contextlib.suppress(OSError):
        pipe.write(body)
        pipe.close()


@contextlib.contextmanager
def daemon(root: Path) -> Iterator[str]:
    """`git daemon` for the repositories below ``root``, pushes too; its ``git://`` URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["git", "daemon", f"--base-path={root}", "--export-all", "--enable=receive-pack"]
    command += ["--reuseaddr", "--listen=127.0.0.1", f"--port={port}", os.fspath(root)]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"git://127.0.0.1:{port}"
    finally:
        os.killpg(child.pid, 15)
        child.wait()


def stand_in_for_ssh(folder: Path, log: Path, *, says: str = "", name: str = "ssh") -> Path:
    """A program that git takes for ssh: it notes its arguments in ``log``, and runs the command
    here, or writes ``says`` to standard error and fails as ssh does."""
    program = folder / name
    last = f"echo {shlex.quote(says)} >&2; exit 255" if says else 'eval "exec $last"'
    program.write_text(
        "#!/bin/sh\n"
        f"printf '%s\\n' \"$*\" >> {shlex.quote(os.fspath(log))}\n"
        "for last; do :; done\n"
        f"{last}\n"
    )
    program.chmod(0o755)
    return program
