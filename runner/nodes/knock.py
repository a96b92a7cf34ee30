"""Another machine's side of machine 0's port: it connects, and waits for answers."""

import socket
import time

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Option
from lockfiles.harmless import one_line
from runner.nodes.channel import Channel, Message, proves
from runner.nodes.door import GREETING
from runner.nodes.node import Node
from runner.nodes.refusal import REFUSED

PAUSE_SECONDS = 1.0
"""Between two attempts to connect."""
_ANSWER_SECONDS = 60.0
_CONNECT_SECONDS, _POLL_SECONDS = 5.0, 0.2
_MOST_CHARS = 200


def connected(node: Node) -> Channel:
    """Return a connection to machine 0's port. Raises OSError if nothing listens there."""
    place = (node.host, node.port)
    return Channel(socket.create_connection(place, timeout=_CONNECT_SECONDS))


def answer(channel: Channel, kind: str, seconds: float = _ANSWER_SECONDS) -> Message | None:
    """Return the next message of a kind; None if the connection ended or nothing came in time.

    Raises UsageProblem if machine 0 does not let this machine join.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended = channel.closed
        message = channel.next(_POLL_SECONDS)
        if message and message["kind"] == REFUSED:
            raise _refused(str(message.get("message")))
        if message and message["kind"] == kind:
            return message
        if ended and message is None:
            return None
    return None


def proven(greeting: Message, field: str, key: str) -> bool:
    """Return whether a field of a greeting proves that machine 0 has a key."""
    return proves(key, greeting.get(field), GREETING, greeting.get("nonce"))


def stranger(node: Node) -> UsageProblem:
    """Return the error for a machine 0 that does not prove to be that of this run."""
    return UsageProblem(
        f"`{node.host}:{node.port}` is not machine 0 of this run, or its lock differs from the "
        "one here.",
        fix=(
            Advice("use the same lock on every machine"),
            Option("--rendezvous HOST:PORT", to="name machine 0 with"),
        ),
    )


def _refused(why: str) -> UsageProblem:
    return UsageProblem(
        f"Machine 0 does not let this machine join: {one_line(why, most=_MOST_CHARS)}.",
        fix=Advice(
            "use the same lock on every machine, and `--runs` with a folder that all of them share"
        ),
    )
