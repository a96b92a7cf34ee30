"""A task for SkyPilot, which finds machines in clouds or on Kubernetes.

As a managed job (`sky jobs launch`) it survives preemption of spot machines: SkyPilot starts the
task again, which resumes from the last checkpoint in the shared volume.
"""

from collections.abc import Mapping
from typing import Any

from lockfiles.errors import Stopped, UsageProblem
from lockfiles.shell import typed
from planner.catalogue.lookup import find_accelerator
from runner.launchers.job import FILL_IN, PORT, WORK, Job, comment, machines
from runner.launchers.yaml_text import yaml_text

VOLUME = "fill-in"
CARDS: Mapping[str, str] = {
    "P100 16GB": "P100", "P40": "P40", "V100 16GB": "V100", "V100 32GB": "V100-32GB", "T4": "T4",
    "A10": "A10", "A10G": "A10G", "A16": "A16", "A30": "A30", "A40": "A40", "L4": "L4",
    "L40": "L40", "L40S": "L40S", "A100 40GB": "A100", "A100 80GB": "A100-80GB",
    "A100 80GB PCIe": "A100-80GB", "H100 SXM": "H100", "H100 PCIe": "H100",
    "H100 NVL": "H100-NVL", "H200": "H200", "GH200 96GB": "GH200", "B200": "B200", "B300": "B300",
    "GB200": "GB200", "GB300": "GB300", "RTX A4000": "A4000", "RTX A4500": "RTXA4500",
    "RTX A5000": "A5000", "RTX A6000": "A6000", "RTX 2000 Ada": "RTX2000-Ada",
    "RTX 4000 Ada": "RTX4000-Ada", "RTX 5000 Ada": "RTX5000-Ada", "RTX 6000 Ada": "RTX6000-Ada",
    "RTX 3070": "RTX3070", "RTX 3080": "RTX3080", "RTX 3090": "RTX3090", "RTX 4080": "RTX4080",
    "RTX 4090": "RTX4090", "RTX 5080": "RTX5080", "RTX 5090": "RTX5090",
    "RTX PRO 4500": "RTXPRO4500", "RTX PRO 6000": "RTXPRO6000-WK",
    "RTX PRO 6000 Server": "RTXPRO6000", "RTX PRO 6000 Max-Q": "RTXPRO6000-MaxQ",
    "MI300X": "MI300X",
}  # fmt: skip
"""SkyPilot's name of cards of the catalogue, the usual one where clouds have several: of its
release 0.14.1, `sky/utils/gpu_names.py`, else `sky/catalog/data_fetchers/fetch_runpod.py`."""
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
        name = card_name(job.accelerator) or FILL_IN
        return {"accelerators": f"{name}:{job.cards}", "use_spot": False, **recovery}
    cores = {"cpus": f"{job.cores}+"} if job.cores else {}
    return {**cores, "memory": f"{job.memory_gib}+", "use_spot": False, **recovery}


def card_name(accelerator: str) -> str:
    """Return SkyPilot's name of a card by the name that its driver reports; empty if unknown."""
    try:
        return CARDS.get(find_accelerator(accelerator).name, "")
    except UsageProblem:
        return ""


def _card(job: Job) -> list[str]:
    if not job.cards:
        return []
    if card_name(job.accelerator):
        return [
            f"`accelerators` has SkyPilot's usual name of `{job.accelerator}`; some clouds have",
            "another (`sky gpus list`).",
        ]
    return [
        f"Fill in `accelerators`: SkyPilot's name of `{job.accelerator}` (`sky gpus list`), as in",
        f"`H100:{job.cards}`.",
    ]


def _head(job: Job) -> list[str]:
    hub = [f"The base model `{job.model}` is downloaded to the volume by machine 0."]
    push = [f"`--allow` is your consent to push to `{job.pushes_to}`; give HF_TOKEN, too."]
    return [
        f"Runs a lock on {machines(job.nodes)}. Start it with `sky jobs launch FILE`.",
        "",
        *_card(job),
        f"Fill in `volumes` with the name of {job.volume},",
        "with locks and renames as a file system has them; a mounted bucket has neither.",
        "Copy to that volume:",
        *job.copied(WORK),
        *(hub if job.model else []),
        *(push if job.pushes_to else []),
    ]
