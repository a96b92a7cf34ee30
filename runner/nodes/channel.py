"""Messages between the supervisors of two machines: JSON objects, one a line, over TCP.

Each side sends a heartbeat every few seconds, so that the other one notices a machine or a network
that is down: TCP alone would wait for a quarter of an hour.
"""

import hashlib
import hmac
import json
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from runner.nodes.network import plain

BEAT_SECONDS = 5.0
"""Between two heartbeats."""
SEND_SECONDS = 20.0
"""How long a message may take to leave."""
_MOST_LINE_BYTES = 1 << 20
_BEAT = "beat"
_POLL_SECONDS = 0.02

Message = Mapping[str, Any]


class Channel:
    """One end of a connection. Once it breaks it stays `closed`, and sends nothing.

    Raises OSError for a connection that has ended already.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._received: deque[Message] = deque()
        self._arrived = threading.Event()
        try:
            names = connection.getsockname(), connection.getpeername()
        except OSError:  # it has ended already
            connection.close()
            raise
        self.own, self.peer = (plain(name[0]) for name in names)
        self.heard = time.monotonic()
        """When anything arrived last, by the clock of `time.monotonic`."""
        self.closed = False
        self._done = threading.Event()
        connection.settimeout(SEND_SECONDS)
        for work in (self._read, self._beat):
            threading.Thread(target=work, daemon=True, name="channel").start()

    @property
    def silent_seconds(self) -> float:
        """Seconds since anything arrived."""
        return time.monotonic() - self.heard

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message; `fields` must be JSON values."""
        line = json.dumps({**fields, "kind": kind}).encode() + b"\n"
        with self._sending:
            if self.closed:
                return
            try:
                self._connection.sendall(line)
            except OSError:
                self.closed = True

    def received(self) -> Iterator[Message]:
        """Yield the messages that have arrived, without heartbeats."""
        while self._received:
            yield self._received.popleft()

    def next(self, wait_seconds: float) -> Message | None:
        """Return the next message, without heartbeats; None if none arrives in time."""
        if not self._received and not self.closed:
            self._arrived.clear()
            if not self._received:
                self._arrived.wait(wait_seconds)
        return self._received.popleft() if self._received else None

    def part(self, wait_seconds: float) -> None:
        """Send nothing more, and close the connection once the other side has, or the time is up.

        Closed at once, a heartbeat on its way could keep the other side from the last message.
        """
        self._done.set()
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)
        until = time.monotonic() + wait_seconds
        while not self.closed and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        self.close()

    def close(self) -> None:
        """Close the connection; it may have closed already."""
        self.closed = True
        self._done.set()
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # ends a send or a read that waits
        with self._sending:
            self._connection.close()

    def _beat(self) -> None:
        while not self._done.wait(BEAT_SECONDS) and not self.closed:
            self.send(_BEAT)

    def _read(self) -> None:
        held = b""
        while True:
            try:
                block = self._connection.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError:
                break
            *lines, held = (held + block).split(b"\n")
            if not block or len(held) > _MOST_LINE_BYTES or not all(map(self._take, lines)):
                break
        self.close()
        self._arrived.set()

    def _take(self, line: bytes) -> bool:
        """Keep a message; return False for a line that is none."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return False
        if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
            return False
        self.heard = time.monotonic()
        if message["kind"] != _BEAT:
            self._received.append(message)
            self._arrived.set()
        return True


def new_secret() -> str:
    """Return a new secret of a run, or a value that is used once."""
    return secrets.token_hex(32)


def proof(secret: str, *parts: object) -> str:
    """Return what shows that a machine has a run's secret, without sending it."""
    text = json.dumps([str(part) for part in parts]).encode()
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def proves(secret: str, given: object, *parts: object) -> bool:
    """Return whether a proof of these parts was made with the secret."""
    return isinstance(given, str) and hmac.compare_digest(
        given.encode(), proof(secret, *parts).encode()
    )
