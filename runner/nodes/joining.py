"""How the machines of a run find each other, and know that they belong to one run.

Machine 0 writes a secret to the run folder. A machine that joins proves that it has read it, and so
that it sees the same folder, without sending it; machine 0 proves the same.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from lockfiles import limits
from lockfiles.errors import RunFailed
from lockfiles.files import write_whole
from lockfiles.fixes import Option
from lockfiles.harmless import one_line
from runner.nodes.channel import Channel, Message, new_secret, proof, proves
from runner.nodes.machines import NODES, WAITS, WELCOME, Machines, Waits
from runner.nodes.node import Node
from runner.runs.safe_folder import OwnFolder

SECRET = ".secret"
"""The file in the folder of machines that holds the secret."""
SECRET_BYTES = 256
UNSEEN = "unseen"
"""The kind of the message of a machine that does not see the run folder. Its proof is made with the
digest of the lock in place of the secret."""
_MOST_NAME_CHARS = 100
_POLL_SECONDS = 0.2
_MOST_GREETED = 2 * limits.MOST_PROCESSES
"""Connections that are greeted at the same time; further ones are closed."""


@contextmanager
def listening(
    node: Node,
    lock: str,
    on_each: int,
    run: OwnFolder,
    stop: Callable[[], None],
    waits: Waits = WAITS,
) -> Iterator[Machines]:
    """Listen for the other machines of a run. Raises RunFailed if the port is taken.

    `lock` is the digest of the lock, `on_each` the number of processes on each machine. `stop` is
    called once another machine is asked to stop.
    """
    server, secret = _server(node.port), new_secret()
    try:
        with run.inside(NODES, make=True) as folder:
            write_whole(SECRET, secret.encode(), folder=folder.descriptor, mode=0o600)
            place = folder.path.absolute()
        found = Machines(node, lock, on_each, place, stop, waits)
        door = _Door(found, secret)
        threading.Thread(target=door.open, args=(server,), daemon=True, name="joins").start()
        yield found
    finally:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # ends the wait for connections, as close does not
        server.close()


def _server(port: int) -> socket.socket:
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


class _Door:
    """Greets the machines that connect."""

    def __init__(self, machines: Machines, secret: str) -> None:
        self._machines, self._secret = machines, secret
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
        channel.send("greeting", nonce=nonce)
        until = time.monotonic() + self._machines.waits.hello
        while time.monotonic() < until and not channel.closed:
            if message := channel.next(_POLL_SECONDS):
                self._answer(channel, nonce, message)
                return
        channel.close()

    def _answer(self, channel: Channel, nonce: str, hello: Message) -> None:
        rank, lock = hello.get("node"), hello.get("lock")
        host = one_line(str(hello.get("host")), most=_MOST_NAME_CHARS)
        number = rank if type(rank) is int and 0 < rank < self._machines.node.count else None
        if hello["kind"] == UNSEEN:
            has_lock = proves(self._machines.lock, hello.get("proof"), UNSEEN, nonce, rank)
            if number is not None and has_lock:
                self._machines.cannot_see(number, host)
            channel.close()
            return
        if not proves(self._secret, hello.get("proof"), nonce, rank, lock):
            refusal = "it reads another run folder than machine 0"
        elif lock != self._machines.lock:
            refusal = "its lock differs from that of machine 0"
        elif number is None:
            refusal = "its number is not one of this run"
        else:
            shown = proof(self._secret, WELCOME, hello.get("nonce"))
            refusal = self._machines.admit(number, host, channel, shown)
        if refusal:
            channel.send("refused", message=refusal)
            channel.close()
