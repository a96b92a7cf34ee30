"""`tunelock launch LOCK`: write what starts a lock on a cluster."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Option
from tui.commands.shared import options
from tui.terminal import output

if TYPE_CHECKING:
    from lockfiles.lock import TrainingLock


@click.command(name="launch")
@options.lock
@click.option("--slurm", is_flag=True, help="A script for `sbatch` that requeues itself.")
@click.option("--kubernetes", is_flag=True, help="A manifest for `kubectl apply`: a JobSet.")
@click.option(
    "--pytorchjob", is_flag=True, help="The same for Kubeflow's training operator: a PyTorchJob."
)
@click.option("--skypilot", is_flag=True, help="A task for `sky jobs launch`.")
@click.option(
    "--continue-from", type=click.Path(path_type=Path), metavar="RUN_FOLDER",
    help="Continue the training of another run from its last checkpoint.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE",
    help="The file to write.  [default: standard output]",
)  # fmt: skip
@options.locate
def command(
    lock: Path,
    continue_from: Path | None,
    out: Path | None,
    located: dict[str, Path],
    **clusters: bool,
) -> None:
    """Write what starts LOCK (default: run.lock) on a cluster, on one machine or on several.

    Its first lines say what to fill in, and what to copy to the cluster. Nothing is submitted.

    With `--continue-from`, the job copies the last checkpoint of another run once. When it is
    preempted and started again, it resumes its own run.
    """
    asked = [name for name, given in clusters.items() if given]
    if len(asked) != 1:
        if asked:
            raise UsageProblem("Several clusters were named.", fix=Advice("name only one"))
        raise UsageProblem(
            "No cluster was named.",
            fix=(
                Option("--slurm"),
                Option("--kubernetes"),
                Option("--pytorchjob"),
                Option("--skypilot"),
            ),
        )
    if not lock.exists():
        raise UsageProblem(f"`{lock}` does not exist.", fix=Command("tunelock plan run.toml"))
    content = _written(lock, asked[0], located, continue_from)
    if out is None:
        output.lines(content.splitlines())
        return
    _write(out, content)
    output.note(f"wrote {out}; its first lines say what to fill in")


def _written(place: Path, way: str, located: dict[str, Path], former: Path | None) -> str:
    from lockfiles import lock as locks
    from runner.inputs import locations, verify
    from runner.launchers import kubernetes, skypilot, slurm
    from runner.launchers.job import job_of
    from runner.supervisor.preflight import pushes_to

    wanted = locks.read(place).training()
    verify.check_whole(wanted)
    found = locations.known(wanted, place, located)
    inputs, version = locations.wanted(wanted), verify.version_here()
    former = Path(os.path.abspath(former)) if former else None
    if former:
        _check_former(wanted, former, place, way)
    job = job_of(wanted, place, inputs, found, pushes_to(wanted), version, former, located)
    writers = {
        "slurm": slurm.script, "kubernetes": kubernetes.jobset, "pytorchjob": kubernetes.pytorchjob,
        "skypilot": skypilot.task,
    }  # fmt: skip
    return writers[way](job)


def _check_former(lock: "TrainingLock", former: Path, place: Path, way: str) -> None:
    """Raise UsageProblem if a lock cannot continue a run; one on the cluster's volume is checked
    there."""
    from runner.launchers.job import WORK
    from runner.supervisor import continuing
    from runner.supervisor.supervise import run_folder

    own = run_folder(lock, former.parent)
    if former == own:
        raise UsageProblem(
            f"`{former}` is the run of this lock itself, which every job resumes.",
            fix=Option("--continue-from", to="leave out"),
        )
    on_volume = way != "slurm" and former.is_relative_to(WORK)
    if not on_volume or continuing.is_there(former):
        continuing.former(lock, former, own, place)


def _write(out: Path, content: str) -> None:
    from lockfiles.files import write_out

    try:
        write_out(out, content.encode(), b"# Runs ")
    except OSError as problem:
        raise UsageProblem(
            f"`{out}` cannot be written: {problem.strerror}.",
            fix=Option("--out FILE", note="in a folder of your own"),
        ) from None
