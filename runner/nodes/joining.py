"""How the machines of a run find each other, and know that they belong to one run.

Machine 0 writes a secret to the run folder. A machine that joins proves that it has read it, and so
that it sees the same folder, without sending it; machine 0 proves the same.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lockfiles.files import write_whole
from lockfiles.harmless import one_line
from runner.nodes import absence, door
from runner.nodes.channel import Channel, Message, new_secret, proof, proves
from runner.nodes.machines import NODES, WAITS, WELCOME, Machines, Waits
from runner.nodes.node import Node
from runner.nodes.refusal import OTHER_LOCK, REFUSED
from runner.runs.safe_folder import OwnFolder

SECRET = ".secret"
"""The file in the folder of machines that holds the secret."""
SECRET_BYTES = 256
_MOST_NAME_CHARS = 100


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
    server, secret = door.bound(node.port), new_secret()
    try:
        with run.inside(NODES, make=True) as folder:
            write_whole(SECRET, secret.encode(), folder=folder.descriptor, mode=0o600)
            place = folder.path.absolute()
        found = Machines(node, lock, on_each, place, stop, waits)
        keys = {door.HAS_LOCK: lock, door.HAS_SECRET: secret}
        with door.opened(server, keys, _Joins(found, secret).answer, waits.hello):
            yield found
    finally:
        door.close(server)


class _Joins:
    """Lets the machines join that may."""

    def __init__(self, machines: Machines, secret: str) -> None:
        self._machines, self._secret = machines, secret

    def answer(self, channel: Channel, nonce: str, hello: Message) -> None:
        rank, lock = hello.get("node"), hello.get("lock")
        host = one_line(str(hello.get("host")), most=_MOST_NAME_CHARS)
        number = rank if type(rank) is int and 0 < rank < self._machines.node.count else None
        if hello["kind"] == absence.UNABLE:
            if number is not None:
                keys = self._machines.lock, self._secret
                if absence.is_proven(hello, nonce, *keys):
                    self._machines.keep_away(number, absence.error(number, host, hello))
                else:
                    self._machines.doubt(number, channel.peer)
            channel.close()
            return
        if not proves(self._secret, hello.get("proof"), nonce, rank, lock):
            refusal = "it reads another run folder than machine 0"
        elif lock != self._machines.lock:
            refusal = OTHER_LOCK
        elif number is None:
            refusal = "its number is not one of this run"
        else:
            shown = proof(self._secret, WELCOME, hello.get("nonce"))
            refusal = self._machines.admit(number, host, channel, shown)
        if refusal:
            channel.send(REFUSED, message=refusal)
            channel.close()
