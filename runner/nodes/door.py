"""Machine 0's port: it greets the machines that connect, each in a thread of its own."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from lockfiles import limits
from lockfiles.errors import RunFailed
from lockfiles.fixes import Option
from runner.nodes.channel import Channel, Message, new_secret, proof

GREETING = "greeting"
"""The kind of machine 0's first message."""
HAS_LOCK, HAS_SECRET = "lock", "secret"
"""The fields of the greeting that prove that machine 0 has the lock, and the run's secret."""
_POLL_SECONDS = 0.2
_MOST_GREETED = 2 * limits.MOST_PROCESSES
"""Connections that are greeted at the same time; further ones are closed."""

Answer = Callable[[Channel, str, Message], None]
"""Answers the first message of a machine, with the nonce that it was greeted with."""


def bound(port: int) -> socket.socket:
    """Return a socket that listens on a port. Raises RunFailed if the port is taken."""
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except OSError as problem:
        raise RunFailed(
            f"Port {port}, on which the other machines would join, cannot be used: "
            f"{problem.strerror}.",
            fix=Option("--rendezvous HOST:PORT", to="name another port on every machine with"),
        ) from None


@contextmanager
def opened(
    server: socket.socket,
    keys: Mapping[str, str],
    answer: Answer,
    hello_seconds: float,
    **greeting: object,
) -> Iterator[None]:
    """Greet who connects, and answer what they say; closes the socket at the end.

    `keys` are what the greeting proves that machine 0 has, by the field with the proof.
    `hello_seconds` is the time for a machine to say who it is; `greeting` has further fields of the
    greeting.
    """
    door = _Door(keys, answer, hello_seconds, greeting)
    threading.Thread(target=door.open, args=(server,), daemon=True, name="joins").start()
    try:
        yield
    finally:
        close(server)


def close(server: socket.socket) -> None:
    """Close a socket that listens, and end the wait for connections."""
    with suppress(OSError):
        server.shutdown(socket.SHUT_RDWR)  # ends the wait, as close does not
    server.close()


class _Door:
    """Greets the machines that connect."""

    def __init__(
        self,
        keys: Mapping[str, str],
        answer: Answer,
        hello_seconds: float,
        greeting: dict[str, object],
    ) -> None:
        self._keys, self._answer = keys, answer
        self._hello_seconds, self._fields = hello_seconds, greeting
        self._greeting = threading.BoundedSemaphore(_MOST_GREETED)

    def open(self, server: socket.socket) -> None:
        """Greet each connection in a thread of its own, so that a silent one delays no other."""
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                if not self._greeting.acquire(blocking=False):
                    connection.close()
                    continue
                threading.Thread(
                    target=self._greet, args=(connection,), daemon=True, name="greeting"
                ).start()

    def _greet(self, connection: socket.socket) -> None:
        try:
            self._welcome(connection)
        finally:
            self._greeting.release()

    def _welcome(self, connection: socket.socket) -> None:
        try:
            channel = Channel(connection)
        except OSError:  # it has closed already
            return
        nonce = new_secret()
        shown = {name: proof(key, GREETING, nonce) for name, key in self._keys.items()}
        channel.send(GREETING, nonce=nonce, **shown, **self._fields)
        until = time.monotonic() + self._hello_seconds
        ended = False
        while time.monotonic() < until and not ended:
            ended = channel.closed  # read first: then what it said has arrived
            if message := channel.next(_POLL_SECONDS):
                self._answer(channel, nonce, message)
                return
        channel.close()
