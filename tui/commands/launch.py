"""`tunelock launch LOCK`: write what starts a lock on a cluster."""

from pathlib import Path

import click

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Option
from tui.commands.shared.options import locate
from tui.terminal import output


@click.command(name="launch")
@click.argument("lock", type=click.Path(path_type=Path), default=Path("run.lock"))
@click.option("--slurm", is_flag=True, help="A script for `sbatch` that requeues itself.")
@click.option("--kubernetes", is_flag=True, help="A manifest for `kubectl apply`: a JobSet.")
@click.option(
    "--pytorchjob", is_flag=True, help="The same for Kubeflow's training operator: a PyTorchJob."
)
@click.option("--skypilot", is_flag=True, help="A task for `sky jobs launch`.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE",
    help="The file to write.  [default: standard output]",
)  # fmt: skip
@locate
def command(lock: Path, out: Path | None, located: dict[str, Path], **clusters: bool) -> None:
    """Write what starts LOCK (default: run.lock) on a cluster, on one machine or on several.

    Its first lines say what to fill in, and what to copy to the cluster. Nothing is submitted.
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
    content = _written(lock, asked[0], located)
    if out is None:
        output.lines(content.splitlines())
        return
    _write(out, content)
    output.note(f"wrote {out}; its first lines say what to fill in")


def _written(place: Path, way: str, located: dict[str, Path]) -> str:
    from lockfiles import lock as locks
    from runner.inputs import locations, verify
    from runner.launchers import kubernetes, skypilot, slurm
    from runner.launchers.job import job_of
    from runner.supervisor.preflight import pushes_to

    wanted = locks.read(place).training()
    verify.check_whole(wanted)
    found = locations.known(wanted, place, located)
    inputs, version = locations.wanted(wanted), verify.version_here()
    job = job_of(wanted, place, inputs, found, pushes_to(wanted), version)
    writers = {
        "slurm": slurm.script, "kubernetes": kubernetes.jobset, "pytorchjob": kubernetes.pytorchjob,
        "skypilot": skypilot.task,
    }  # fmt: skip
    return writers[way](job)


def _write(out: Path, content: str) -> None:
    from lockfiles.files import write_out

    try:
        write_out(out, content.encode(), b"# Runs ")
    except OSError as problem:
        raise UsageProblem(
            f"`{out}` cannot be written: {problem.strerror}.",
            fix=Option("--out FILE", note="in a folder of your own"),
        ) from None
