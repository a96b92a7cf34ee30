"""How the other machines learn that machine 0 does not run the lock.

Machine 0 listens once it has checked the lock and this machine. If it refuses the run before that,
it listens for a short while only, and answers each of the others with its error. There may be no
run folder with a secret then: both sides prove that they have the same lock, with its digest.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from lockfiles.errors import RunFailed, TunelockError
from lockfiles.fixes import Advice
from lockfiles.harmless import one_line
from runner.nodes import door
from runner.nodes.channel import Channel, Message, new_secret, proof, proves
from runner.nodes.node import Node

REFUSES = "refuses"
"""The field of a greeting that says that machine 0 does not run the lock."""
WHY, BECAUSE = "why", "because"
"""The kinds of the question for its error, and of the answer."""
TOLD_SECONDS = 60.0
"""How long machine 0 waits for the others to ask: they start at about the same time."""
REFUSED = "refused"
"""The kind of the message to a machine that is not of this run."""
OTHER_LOCK = "its lock differs from that of machine 0"
_HELLO_SECONDS, _PART_SECONDS, _POLL_SECONDS = 10.0, 3.0, 0.1
_MOST_CHARS, _MOST_HINT_CHARS = 600, 400
_ERRORS: Mapping[int, type[TunelockError]] = {
    kind.exit_code: kind for kind in TunelockError.__subclasses__()
}


def error_of(code: object) -> type[TunelockError]:
    """Return the kind of error that has an exit code, as another machine sent it."""
    return _ERRORS.get(code if isinstance(code, int) else 1, RunFailed)


def fields(problem: TunelockError) -> dict[str, Any]:
    """Return the fields of a message with an error for another machine."""
    said = one_line(problem.message, most=_MOST_CHARS)
    hint = one_line(problem.hint, most=_MOST_HINT_CHARS)
    return {"code": problem.exit_code, "message": said, "hint": hint}


def error(message: Message, who: str) -> TunelockError:
    """Return the error in another machine's message, cut and printable, with its exit code."""
    said = one_line(str(message.get("message")), most=_MOST_CHARS)
    hint = one_line(str(message.get("hint") or ""), most=_MOST_HINT_CHARS)
    kind = error_of(message.get("code"))
    return kind(f"{who}: {said}", fix=Advice(hint) if hint else None)


@dataclass
class Refusal:
    """Machine 0's errors before it listens."""

    node: Node | None
    """None on one machine."""
    lock: str
    """The digest of the lock."""
    tell: Callable[[str], object]
    """Gets a line for the person."""
    over: bool = False
    """Whether machine 0 listens: the others hear of an error as of the end of the run then."""
    _told: set[str] = field(default_factory=set)

    def renew(self, told: Iterable[int]) -> None:
        """Pass the error of a machine that does not come on to the others, but to those that know
        it: machine 0 has ended the run before all machines were there."""
        self.over = False
        self._told.update(map(str, told))

    @contextmanager
    def passed_on(self) -> Iterator[None]:
        """Pass an error that is raised inside on to the other machines, and raise it again once
        all of them know it, after TOLD_SECONDS, or at Ctrl-C."""
        try:
            yield
        except TunelockError as problem:
            if self.node and not self.over and self._waiting(self.node):
                with suppress(RunFailed, KeyboardInterrupt):  # another program has the port
                    self._pass_on(self.node, problem)
            raise

    def _pass_on(self, node: Node, problem: TunelockError) -> None:
        server = door.bound(node.port)
        self.tell(
            f"{problem.message} Telling the other machines, for up to {TOLD_SECONDS:.0f} s "
            "(Ctrl-C to end now)."
        )

        def answer(channel: Channel, nonce: str, asked: Message) -> None:
            self._answer(channel, nonce, asked, problem)

        keys = {door.HAS_LOCK: self.lock}
        with door.opened(server, keys, answer, _HELLO_SECONDS, **{REFUSES: True}):
            until = time.monotonic() + TOLD_SECONDS
            while self._waiting(node) and time.monotonic() < until:
                time.sleep(_POLL_SECONDS)

    def _waiting(self, node: Node) -> bool:
        return len(self._told) < node.count - 1

    def _answer(self, channel: Channel, nonce: str, asked: Message, problem: TunelockError) -> None:
        rank, own = asked.get("node"), asked.get("nonce")
        if proves(self.lock, asked.get("proof"), WHY, nonce, rank):
            said = fields(problem)
            shown = proof(self.lock, BECAUSE, own, *said.values())
            channel.send(BECAUSE, **said, proof=shown)
            channel.part(_PART_SECONDS)
            self._told.add(str(rank))
        else:
            channel.send(REFUSED, message=OTHER_LOCK)
            channel.part(_PART_SECONDS)


def ask(channel: Channel, node: Node, lock: str, nonce: object) -> str:
    """Ask machine 0 why it refuses the run; return the nonce that its answer has to prove."""
    own = new_secret()
    channel.send(WHY, node=node.rank, nonce=own, proof=proof(lock, WHY, nonce, node.rank))
    return own


def reason(answer: Message, node: Node, lock: str, nonce: str) -> TunelockError | None:
    """Return the error in machine 0's answer, which has its exit code; None if the answer does not
    prove that it comes from a machine with this lock."""
    said = [answer.get(name) for name in ("code", "message", "hint")]
    if not proves(lock, answer.get("proof"), BECAUSE, nonce, *said):
        return None
    return error(answer, f"Machine 0 (`{node.host}`) does not run this lock")
