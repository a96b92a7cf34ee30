"""How a machine joins a run on several machines."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

from lockfiles.errors import RunFailed, Stopped, UsageProblem
from lockfiles.fixes import Advice, Option
from lockfiles.harmless import one_line
from runner.nodes import refusal
from runner.nodes.channel import Channel, Message, new_secret, proof, proves
from runner.nodes.door import GREETING
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
_SAID_SECONDS, _AGAIN_SECONDS = 15.0, 300.0
"""Without an answer until a line says so, and until the next one."""
_MOST_CHARS = 200


def join(
    node: Node,
    lock: str,
    nodes: Path,
    stopping: Callable[[], bool],
    done: Callable[[], bool],
    tell: Callable[[str], object] = lambda _: None,
) -> Channel | None:
    """Return the connection to machine 0; None if the run is `done` already.

    `lock` is the digest of the lock, `nodes` the folder of machines in the run folder. `tell` gets
    a line now and then while nothing listens. Raises Stopped, RunFailed if machine 0 cannot be
    reached, UsageProblem if it does not let this machine join, and its own error if it refuses the
    run.
    """
    begun = time.monotonic()
    until, said_at = begun + JOIN_SECONDS, begun + _SAID_SECONDS
    while time.monotonic() < until:
        if stopping():
            raise Stopped("This machine was stopped before it joined the run.")
        if done():
            return None
        try:
            place = (node.host, node.port)
            channel = Channel(socket.create_connection(place, timeout=_CONNECT_SECONDS))
        except OSError as problem:
            if time.monotonic() > said_at:
                said_at = time.monotonic() + _AGAIN_SECONDS
                tell(_waiting(node, problem, until))
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


def _waiting(node: Node, problem: OSError, until: float) -> str:
    why = problem.strerror or "no answer in time"
    left = max(0.0, until - time.monotonic()) / 60
    return (
        f"machine 0 is not at `{node.host}:{node.port}` yet ({why}); this machine waits for it "
        f"for up to {left:.0f} min"
    )


def _welcome(channel: Channel, node: Node, lock: str, nodes: Path) -> bool:
    """Return whether machine 0 lets this one join; False if it ended. Raises UsageProblem, and the
    error of machine 0 if it refuses the run."""
    greeting = _answer(channel, GREETING)
    if greeting is None:
        return False
    if greeting.get(refusal.REFUSES):
        asked = refusal.ask(channel, node, lock, greeting.get("nonce"))
        answer = _answer(channel, refusal.BECAUSE)
        if answer is not None:
            raise refusal.reason(answer, node, lock, asked) or _stranger(node)
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
        raise _stranger(node)
    return answer is not None


def _stranger(node: Node) -> UsageProblem:
    return UsageProblem(
        f"`{node.host}:{node.port}` is not machine 0 of this run.",
        fix=Option("--rendezvous HOST:PORT", to="name machine 0 with"),
    )


def _answer(channel: Channel, kind: str) -> Message | None:
    """Return the next message of a kind; None if the connection ended or nothing came."""
    until = time.monotonic() + _ANSWER_SECONDS
    while time.monotonic() < until:
        ended = channel.closed
        message = channel.next(_POLL_SECONDS)
        if message and message["kind"] == refusal.REFUSED:
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
