"""How machine 0 learns that another machine does not come.

A machine that fails its own checks, or is stopped before it joins, sends its error to machine 0, so
that nobody waits for it. It may not see the run folder with the secret: it proves that it has the
same lock, with its digest.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from lockfiles.errors import Interrupted, RunFailed, Stopped, TunelockError
from lockfiles.harmless import one_line
from runner.nodes import knock, refusal
from runner.nodes.channel import Channel, Message, proof, proves
from runner.nodes.door import GREETING, HAS_LOCK
from runner.nodes.node import Node

UNABLE = "unable"
"""The kind of the message of a machine that does not take part."""
_GREETED_SECONDS, _PART_SECONDS = 5.0, 3.0
_FIELDS = ("node", "host", "code", "message", "hint")
"""What the proof of the message covers."""


@contextmanager
def passed_on(node: Node, lock: str, tell: Callable[[str], object]) -> Iterator[None]:
    """Send an error that is raised inside to machine 0, and raise it again once machine 0 has it,
    after TOLD_SECONDS, or at Ctrl-C.

    `lock` is the digest of the lock; `tell` gets a line if machine 0 is not there yet. A stop
    inside (Ctrl-C, SIGTERM or SIGHUP) is reported only if machine 0 is there.
    """
    try:
        yield
    except KeyboardInterrupt:
        once(node, lock, Interrupted("The command was interrupted before it joined the run."))
        raise
    except SystemExit:  # at SIGTERM or SIGHUP
        once(node, lock, stopped())
        raise
    except Exception as fault:
        unexpected = RunFailed(f"The command failed unexpectedly (`{type(fault).__name__}`).")
        with suppress(KeyboardInterrupt):
            _tell(node, lock, fault if isinstance(fault, TunelockError) else unexpected, tell)
        raise


def _tell(node: Node, lock: str, problem: TunelockError, tell: Callable[[str], object]) -> None:
    until, said = time.monotonic() + refusal.TOLD_SECONDS, False
    while not once(node, lock, problem) and time.monotonic() < until:
        if not said:
            tell(
                f"{problem.message} Reporting this to machine 0, for up to "
                f"{refusal.TOLD_SECONDS:.0f} s (Ctrl-C to end now)."
            )
            said = True
        time.sleep(knock.PAUSE_SECONDS)


def once(node: Node, lock: str, problem: TunelockError) -> bool:
    """Send an error to machine 0 if it is there, and return whether it was sent."""
    try:
        channel = knock.connected(node)
    except OSError:
        return False
    try:
        greeting = knock.answer(channel, GREETING, _GREETED_SECONDS)
        if greeting is None:
            return False
        if greeting.get(refusal.REFUSES) and knock.proven(greeting, HAS_LOCK, lock):
            refusal.ask(channel, node, lock, greeting.get("nonce"))
            knock.answer(channel, refusal.BECAUSE)
        else:
            say(channel, node, lock, greeting.get("nonce"), problem)
    except TunelockError:  # machine 0 has answered, and lets this machine not join
        return True
    finally:
        channel.close()
    return True


def say(channel: Channel, node: Node, key: str, nonce: object, problem: TunelockError) -> None:
    """Send an error to machine 0 over a connection that it has greeted with a nonce.

    `key` makes the proof: the digest of the lock, or the secret of the run.
    """
    fields: dict[str, object] = {"node": node.rank, "host": socket.gethostname()}
    fields |= refusal.fields(problem)
    shown = proof(key, UNABLE, nonce, *(fields[name] for name in _FIELDS))
    channel.send(UNABLE, **fields, proof=shown)
    channel.part(_PART_SECONDS)


def is_proven(message: Message, nonce: str, *keys: str) -> bool:
    """Return whether a machine's message shows that it has one of the keys."""
    said = [message.get(name) for name in _FIELDS]
    return any(proves(key, message.get("proof"), UNABLE, nonce, *said) for key in keys)


def stopped() -> Stopped:
    """Return the error of a machine that is stopped before it joins."""
    return Stopped("The command was stopped before it joined the run.")


def error(rank: int, host: str, message: Message) -> TunelockError:
    """Return the error for the run that a machine's message ends, with the machine's exit code."""
    return refusal.error(message, f"Machine {rank} (`{one_line(host)}`)")
