"""How a machine joins a run on several machines."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lockfiles.errors import RunFailed, TunelockError, UsageProblem
from lockfiles.fixes import Advice, Option
from runner.nodes import absence, knock, refusal
from runner.nodes.channel import Channel, Message, new_secret, proof, proves
from runner.nodes.door import GREETING, HAS_LOCK, HAS_SECRET
from runner.nodes.joining import SECRET, SECRET_BYTES
from runner.nodes.knock import answer
from runner.nodes.machines import WELCOME
from runner.nodes.node import Node
from runner.runs.safe_folder import OwnFolder

JOIN_SECONDS = 1800.0
"""How long machine 0 is waited for: on a cluster, machines do not start at the same time."""
_SECRET_SECONDS = 60.0
"""How long a shared file system may take to show a file."""
_SAID_SECONDS, _AGAIN_SECONDS = 15.0, 300.0
"""Without an answer until a line says so, and until the next one."""
_OTHER_LOCK = UsageProblem(
    "Its lock differs from that of machine 0.", fix=Advice("use the same lock on every machine")
)
"""The error that machine 0 gets from a machine with another lock."""


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
    reached, UsageProblem if it does not let this machine join, or this machine does not see the run
    folder, and machine 0's own error if it refuses the run. Machine 0 knows of each of them, if it
    is there.
    """
    begun = time.monotonic()
    until, said_at = begun + JOIN_SECONDS, begun + _SAID_SECONDS
    while time.monotonic() < until:
        if stopping():
            problem = absence.stopped()
            absence.once(node, lock, problem)
            raise problem
        if done():
            return None
        try:
            channel = knock.connected(node)
        except OSError as problem:
            if time.monotonic() > said_at:
                said_at = time.monotonic() + _AGAIN_SECONDS
                tell(_waiting(node, problem, until))
            time.sleep(knock.PAUSE_SECONDS)
            continue
        try:
            welcome = _welcome(channel, node, lock, nodes, stopping)
        except BaseException:
            channel.close()
            raise
        if welcome:
            return channel
        channel.close()  # machine 0 ended meanwhile
        time.sleep(knock.PAUSE_SECONDS)
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


def _welcome(
    channel: Channel, node: Node, lock: str, nodes: Path, stopping: Callable[[], bool]
) -> bool:
    """Return whether machine 0 lets this one join; False if it ended. Raises as `join`."""
    greeting = answer(channel, GREETING)
    if greeting is None:
        return False
    nonce, own = greeting.get("nonce"), new_secret()
    if not knock.proven(greeting, HAS_LOCK, lock):
        absence.say(channel, node, _secret_of(greeting, nodes) or lock, nonce, _OTHER_LOCK)
        raise knock.stranger(node)
    if greeting.get(refusal.REFUSES):
        asked = refusal.ask(channel, node, lock, nonce)
        because = answer(channel, refusal.BECAUSE)
        if because is not None:
            raise refusal.reason(because, node, lock, asked) or knock.stranger(node)
        return False
    try:
        secret = _secret(nodes, stopping)
    except TunelockError as problem:
        absence.say(channel, node, lock, nonce, problem)
        raise
    shown = proof(secret, nonce, node.rank, lock)
    channel.send(
        "hello", node=node.rank, lock=lock, host=socket.gethostname(), nonce=own, proof=shown
    )
    welcome = answer(channel, WELCOME)
    if welcome is not None and not proves(secret, welcome.get("proof"), WELCOME, own):
        raise knock.stranger(node)
    return welcome is not None


def _secret(nodes: Path, stopping: Callable[[], bool]) -> str:
    """Return the secret of the run. Raises UsageProblem if its folder is not to be seen here, and
    Stopped."""
    until = time.monotonic() + _SECRET_SECONDS
    while not (secret := _read(nodes)):
        if stopping():
            raise absence.stopped()
        if time.monotonic() > until:
            raise UsageProblem(
                f"The run folder `{nodes.parent}` is not to be found on `{socket.gethostname()}`.",
                fix=Option("--runs DIR", to="use a folder that all machines share:"),
            )
        time.sleep(knock.PAUSE_SECONDS)
    return secret


def _secret_of(greeting: Message, nodes: Path) -> str:
    """Return the secret of machine 0's run if that is one of the runs next to this machine's; empty
    if not. It proves that a machine with another lock belongs to the run."""
    for other in nodes.parent.parent.glob(f"*/{nodes.name}"):
        with suppress(UsageProblem):  # the folder is not this user's
            secret = _read(other)
            if secret and knock.proven(greeting, HAS_SECRET, secret):
                return secret
    return ""


def _read(nodes: Path) -> str:
    """Return the secret in a run's folder of machines; empty if it is not there yet."""
    try:
        with OwnFolder.open(nodes) as folder:
            return folder.read(SECRET, SECRET_BYTES).decode("ascii", "replace")
    except OSError:
        return ""
