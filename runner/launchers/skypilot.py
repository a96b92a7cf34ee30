"""A task for SkyPilot, which finds machines in clouds or on Kubernetes.

As a managed job (`sky jobs launch`) it survives preemption of spot machines: SkyPilot starts the
task again, which resumes from the last checkpoint in the shared volume.
"""

from typing import Any

from lockfiles.errors import Stopped
from lockfiles.shell import typed
from runner.launchers.job import FILL_IN, PORT, WORK, Job, comment, machines
from runner.launchers.yaml_text import yaml_text

VOLUME = "fill-in"
_RUN = 'rendezvous="$(printf %s "$SKYPILOT_NODE_IPS" | head -n 1):{port}"\n'


def task(job: Job) -> str:
    """Return the task of a job, as YAML."""
    words = " ".join(map(typed, job.words(f"{WORK}/run.lock", WORK)))
    several = ' --node "$SKYPILOT_NODE_RANK" --rendezvous "$rendezvous"' if job.nodes > 1 else ""
    run = (_RUN.format(port=PORT) if several else "") + f"exec {words}{several}\n"
    content: dict[str, Any] = {
        "name": job.name,
        "num_nodes": job.nodes,
        "resources": _resources(job),
        "volumes": {WORK: VOLUME},
        "envs": {"HF_HOME": f"{WORK}/huggingface"},
        "setup": f"pip install '{job.package}'\n",
        "run": run,
    }
    return comment(_head(job)) + yaml_text(content)


def _resources(job: Job) -> dict[str, Any]:
    recovery = {"job_recovery": {"recover_on_exit_codes": [Stopped.exit_code]}}
    if job.cards:
        return {"accelerators": f"{FILL_IN}:{job.cards}", "use_spot": False, **recovery}
    cores = {"cpus": f"{job.cores}+"} if job.cores else {}
    return {**cores, "memory": f"{job.memory_gib}+", "use_spot": False, **recovery}


def _head(job: Job) -> list[str]:
    card = [
        f"Fill in `accelerators`: SkyPilot's name of `{job.accelerator}` (`sky gpus list`).",
    ]
    hub = [f"The base model `{job.model}` is downloaded to the volume by machine 0."]
    push = [f"`--allow` is your consent to push to `{job.pushes_to}`; give HF_TOKEN, too."]
    return [
        f"Runs a lock on {machines(job.nodes)}. Start it with `sky jobs launch FILE`.",
        "",
        *(card if job.cards else []),
        "Fill in `volumes`: a SkyPilot volume that all machines can write to at once, with locks",
        "and renames as a file system has them; a mounted bucket has neither.",
        "Copy to that volume:",
        *job.copied(WORK),
        *(hub if job.model else []),
        *(push if job.pushes_to else []),
    ]
