"""How a machine joins a run on several machines."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

from lockfiles.errors import RunFailed, Stopped, UsageProblem
from lockfiles.fixes import Advice, Option
from lockfiles.harmless import one_line
from runner.nodes.channel import Channel, Message, new_secret, proof, proves
from runner.nodes.joining import SECRET, SECRET_BYTES, UNSEEN
from runner.nodes.machines import WELCOME
from runner.nodes.node import Node
from runner.runs.safe_folder import OwnFolder

JOIN_SECONDS = 1800.0
"""How long machine 0 is waited for: on a cluster, machines do not start at the same time."""
_ANSWER_SECONDS = 60.0
_SECRET_SECONDS = 60.0
"""How long a shared file system may take to show a file."""
_CONNECT_SECONDS, _PAUSE_SECONDS = 5.0, 1.0
_POLL_SECONDS = 0.2
_PART_SECONDS = 3.0
_MOST_CHARS = 200


def join(
    node: Node, lock: str, nodes: Path, stopping: Callable[[], bool], done: Callable[[], bool]
) -> Channel | None:
    """Return the connection to machine 0; None if the run is `done` already.

    `lock` is the digest of the lock, `nodes` the folder of machines in the run folder. Raises
    Stopped, RunFailed if machine 0 cannot be reached, and UsageProblem if it refuses.
    """
    until = time.monotonic() + JOIN_SECONDS
    while time.monotonic() < until:
        if stopping():
            raise Stopped("This machine was stopped before it joined the run.")
        if done():
            return None
        try:
            place = (node.host, node.port)
            channel = Channel(socket.create_connection(place, timeout=_CONNECT_SECONDS))
        except OSError:
            time.sleep(_PAUSE_SECONDS)
            continue
        try:
            welcome = _welcome(channel, node, lock, nodes)
        except BaseException:
            channel.close()
            raise
        if welcome:
            return channel
        channel.close()  # machine 0 ended meanwhile
        time.sleep(_PAUSE_SECONDS)
    raise RunFailed(
        f"Machine 0 (`{node.host}:{node.port}`) did not answer within {JOIN_SECONDS / 60:.0f} min.",
        fix=Option("--rendezvous HOST:PORT", to="start machine 0, or name it with"),
    )


def _welcome(channel: Channel, node: Node, lock: str, nodes: Path) -> bool:
    """Return whether machine 0 lets this one join; False if it ended. Raises UsageProblem."""
    greeting = _answer(channel, "greeting")
    if greeting is None:
        return False
    nonce, host, own = greeting.get("nonce"), socket.gethostname(), new_secret()
    try:
        secret = _secret(nodes)
    except UsageProblem:
        shown = proof(lock, UNSEEN, nonce, node.rank)
        channel.send(UNSEEN, node=node.rank, host=host, proof=shown)
        channel.part(_PART_SECONDS)
        raise
    shown = proof(secret, nonce, node.rank, lock)
    channel.send("hello", node=node.rank, lock=lock, host=host, nonce=own, proof=shown)
    answer = _answer(channel, WELCOME)
    if answer is not None and not proves(secret, answer.get("proof"), WELCOME, own):
        raise UsageProblem(
            f"`{node.host}:{node.port}` is not machine 0 of this run.",
            fix=Option("--rendezvous HOST:PORT", to="name machine 0 with"),
        )
    return answer is not None


def _answer(channel: Channel, kind: str) -> Message | None:
    """Return the next message of a kind; None if the connection ended or nothing came."""
    until = time.monotonic() + _ANSWER_SECONDS
    while time.monotonic() < until:
        ended = channel.closed
        message = channel.next(_POLL_SECONDS)
        if message and message["kind"] == "refused":
            raise _refused(str(message.get("message")))
        if message and message["kind"] == kind:
            return message
        if ended and message is None:
            return None
    return None


def _refused(why: str) -> UsageProblem:
    return UsageProblem(
        f"Machine 0 does not let this machine join: {one_line(why, most=_MOST_CHARS)}.",
        fix=Advice(
            "use the same lock on every machine, and `--runs` with a folder that all of them share"
        ),
    )


def _secret(nodes: Path) -> str:
    """Return the secret of the run. Raises UsageProblem if its folder is not to be seen here."""
    until = time.monotonic() + _SECRET_SECONDS
    while True:
        try:
            with OwnFolder.open(nodes) as folder:
                return folder.read(SECRET, SECRET_BYTES).decode("ascii", "replace")
        except OSError:
            if time.monotonic() > until:
                raise UsageProblem(
                    f"`{nodes.parent}` is not to be found here, but machine 0 runs in it.",
                    fix=Option("--runs DIR", to="use a folder that all machines share:"),
                ) from None
        time.sleep(_PAUSE_SECONDS)
