"""A stand-in for the Hub on a local socket, for the real client.

    with HubServer() as hub:
        commit = hub.add("ana/model", {"config.json": b"{}"})
        subprocess.run([...], env=hub.environment(tmp_path))

Faults are switched on by `fail` and `cut`, by the fields of a repository and by those of the
server. Every request is kept in `requests`, for the tests to look at.
"""

import json
import os
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests import forked
from tests.hub import Answer, Files, Hub, Refusal, Repository, Request
from tests.kept import seed

_THEIR_WARNING = "Use 'content=<...>' to upload raw bytes/text content."
"""What huggingface_hub 2.4 provokes in its HTTP library with each upload of a large file."""


class HubServer(Hub):
    """A Hub that listens on a port of its own between `with` and its end."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self.requests: list[Request] = []
        self.sent_bytes = Counter[str]()
        """Bytes of content that were sent, by name of the file."""
        self._faults: list[tuple[str, int, int]] = []
        self._cuts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, name: str, files: Files | Path, *, branch: str = "main", **facts: Any) -> str:
        """Add files, or those of a folder, as one commit, and return it."""
        if isinstance(files, Path):
            places = {p.relative_to(files).as_posix(): p for p in files.rglob("*") if p.is_file()}
            files = {path: place.read_bytes() for path, place in places.items()}
        repository = self.repositories.setdefault(name, Repository(**facts))
        return repository.commit(files, "add", branch)

    def fail(self, request: str, status: int, *, times: int = 1_000_000) -> None:
        """Answer the next requests that match `METHOD /path`, a pattern, with an error.

        The client tries some requests again for half a minute after a status of 429 or above 499.
        """
        self._faults.append((request, status, times))

    def cut(self, name: str, *, after: int) -> None:
        """Break the connection once, after some bytes of a file."""
        self._cuts[name] = after

    def environment(self, home: Path, *, token: str | None = None, **more: str) -> dict[str, str]:
        """Return an environment in which the real client talks to this server only.

        The user is logged in with `token`: the right one by default, nobody for an empty one.
        """
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        wanted = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
        wanted |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        token = self.token if token is None else token
        if "XDG_CACHE_HOME" in more:
            seed(Path(more["XDG_CACHE_HOME"]))
        return clean | wanted | ({"HF_TOKEN": token} if token else {}) | more

    def run(self, name: str, *arguments: object, home: Path, **switches: Any) -> Any:
        """Run one of `tests/programs`, and return the JSON that it prints.

        The client reads its variables when it is imported, so each setting needs a process. It is
        forked from one that has not imported the client yet.
        The program finds `arguments`, as JSON, in `sys.argv[1]`, and must write no line to stderr.
        """
        warnings = ("-W", "error", "-W", f"ignore:{_THEIR_WARNING}:DeprecationWarning")
        done = forked.run(
            json.dumps(arguments),
            folder=None,
            environment=self.environment(home, **switches),
            timeout=60,
            program=name,
            options=warnings,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return json.loads(done.stdout)

    def answer(self, request: Request, body: bytes) -> Answer:
        """Return the answer to a request, whatever it is."""
        with self._lock:
            self.requests.append(request)
            try:
                self._raise_fault(f"{request.method} {request.path}")
                return super().answer(request, body)
            except Refusal as refusal:
                headers = {"X-Error-Message": refusal.message, "X-Error-Code": refusal.code}
                return Answer(b"{}", refusal.status, headers)

    def sent(self, path: str, body: bytes) -> bytes:
        """Return as much of an answer as is sent, after counting it."""
        name = path.rsplit("/", 1)[-1]
        with self._lock:
            body = body[: self._cuts.pop(name, None)]
            self.sent_bytes[name] += len(body)
        return body

    def _raise_fault(self, line: str) -> None:
        for number, (pattern, status, times) in enumerate(self._faults):
            if times > 0 and re.search(pattern, line):
                self._faults[number] = (pattern, status, times - 1)
                raise Refusal(status, "A fault was asked for.")


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = urlsplit(self.path)
            query = dict(parse_qsl(asked.query))
            answer = hub.answer(Request(self.command, asked.path, headers, query), body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(hub.sent(asked.path, answer.body))

        do_GET = do_HEAD = do_POST = do_PUT = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
