"""A stage that is spread over processes, as machine 0 runs it: alone, or with other machines."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lockfiles.errors import RunFailed, Stopped, TunelockError
from lockfiles.fixes import Advice
from runner.engines.engine import Engine
from runner.nodes.machines import Machines
from runner.runs.events import Writer
from runner.supervisor.signals import RESUMES, Stop

_INTERFACES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")
"""The variables that keep processes of one machine on its loopback interface."""
_AGAIN = Advice(
    "run the same command again on every machine to resume from the last checkpoint, if any"
)


def variables(engine: Engine, own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an engine's processes on one of several machines.

    They communicate over the interface that the machines have in common, `own`, unless the user
    has set another one.
    """
    found = {name: value for name, value in engine.variables.items() if name not in _INTERFACES}
    given = {name: os.environ[name] for name in _INTERFACES if name in os.environ}
    return found | dict(own) | given


@dataclass(frozen=True)
class Spread:
    """One stage on all machines of a run."""

    stage: str
    machines: Machines
    writer: Writer
    stop: Stop

    def begin(self, engine: Engine) -> dict[str, str]:
        """Wait for the other machines, start the stage on them, and return its variables here;
        raises as `gather`."""
        self.gather()
        return variables(engine, self.machines.begin(self.stage).variables)

    def gather(self) -> None:
        """Wait for the other machines.

        Raises Stopped if a stop was requested meanwhile, and as `Machines.gather`.
        """

        def stopping() -> bool:
            self._report()
            return self.stop.asked()

        self.machines.gather(self._telling("waiting for the other machines"), stopping)
        self._check_stopped()

    def check_copy(self, steps: Sequence[int], sha256: str) -> None:
        """Wait until every other machine has read the checkpoints that were copied for the stage,
        and their digest is `sha256`.

        Raises Stopped as `gather`, and as `Machines.check_copy`.
        """
        self.gather()
        tell = self._telling("the other machines check the copy")
        self.machines.check_copy(self.stage, steps, sha256, tell, self.stop.asked)
        self._check_stopped()

    def _check_stopped(self) -> None:
        if self.stop.asked():
            raise Stopped("The run was stopped while it waited for other machines.", fix=RESUMES)

    def ending(self) -> bool:
        """Return whether the stage is to be killed here; called every moment while it runs."""
        if self.stop.asked():
            self.machines.pass_on_stop()
        broken = self.machines.broken()
        self._report()
        return broken

    def problem(self, code: int) -> TunelockError | None:
        """Wait for the other machines after the stage ended here with an exit code.

        Returns the error that explains the end; None if there is none on another machine.
        """
        self.machines.ended(code)
        self._report()
        if code in (0, Stopped.exit_code):
            return None
        if self.machines.unable:
            return self.machines.unable
        said = self.machines.explanation()
        return RunFailed(said, fix=_AGAIN) if said else None

    def _report(self) -> None:
        for kind, fields in self.machines.events():
            self.writer.append(self.stage, kind, fields)

    def _telling(self, what: str) -> Callable[[int], None]:
        def tell(count: int) -> None:
            fields = {"what": what, "done": count}
            fields |= {"total": self.machines.node.count - 1, "unit": "machines"}
            self.writer.append(self.stage, "progress", fields)

        return tell
