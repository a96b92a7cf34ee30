"""Manifests for Kubernetes: a JobSet, or a PyTorchJob of Kubeflow's training operator (v1).

Each machine is a pod. A pod that is evicted or preempted gets SIGTERM, the run saves a checkpoint
and every pod ends with exit code 75; the restarted pods resume it.
"""

from collections.abc import Mapping
from typing import Any

from lockfiles.shell import typed
from runner.launchers.job import FILL_IN, GRACE_SECONDS, PORT, WORK, Job, comment, machines
from runner.launchers.yaml_text import yaml_text

IMAGE, CLAIM = f"{FILL_IN}/tunelock:{FILL_IN}", "fill-in"
_RESTARTS = 20
"""After so many evictions or failures a job fails."""
_CONTAINER_OF_PYTORCHJOB = "pytorch"
"""The name that the training operator requires."""

Manifest = Mapping[str, Any]


def jobset(job: Job) -> str:
    """Return a JobSet (jobset.x-k8s.io/v1alpha2)."""
    first = f"{job.name}-node-0-0.{job.name}"
    pod = _pod(job, "tunelock", "$JOB_COMPLETION_INDEX", f"{first}:{PORT}")
    work = {
        "parallelism": job.nodes, "completions": job.nodes, "completionMode": "Indexed",
        "backoffLimit": 0, "template": {"spec": {**pod, "restartPolicy": "Never"}},
    }  # fmt: skip
    manifest = {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": job.name},
        "spec": {
            "failurePolicy": {"maxRestarts": _RESTARTS},
            "replicatedJobs": [{"name": "node", "replicas": 1, "template": {"spec": work}}],
        },
    }
    return comment(_head(job, "a JobSet", "JobSet (https://jobset.sigs.k8s.io)")) + yaml_text(
        manifest
    )


def pytorchjob(job: Job) -> str:
    """Return a PyTorchJob (kubeflow.org/v1)."""
    pod = _pod(job, _CONTAINER_OF_PYTORCHJOB, "$RANK", "$MASTER_ADDR:$MASTER_PORT")
    replica = {"restartPolicy": "OnFailure", "template": {"spec": pod}}
    replicas = {"Master": {"replicas": 1, **replica}}
    if job.nodes > 1:
        replicas["Worker"] = {"replicas": job.nodes - 1, **replica}
    manifest = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": job.name},
        "spec": {
            "runPolicy": {"backoffLimit": _RESTARTS, "cleanPodPolicy": "None"},
            "pytorchReplicaSpecs": replicas,
        },
    }
    operator = "Kubeflow's training operator, version 1"
    return comment(_head(job, "a PyTorchJob", operator)) + yaml_text(manifest)


def _head(job: Job, what: str, operator: str) -> list[str]:
    mode = " (ReadWriteMany)" if job.nodes > 1 else ""
    return [
        f"Runs a lock on {machines(job.nodes)} as {what}. Start it with `kubectl apply -f FILE`.",
        f"The cluster needs {operator}.",
        "",
        f"Fill in `image` (with `{job.package}`) and",
        f"`claimName`: {job.volume}{mode},",
        "with locks and renames as a file system has them.",
        "Copy to that volume:",
        *job.copied(WORK),
        *_of_hub(job),
    ]


def _of_hub(job: Job) -> list[str]:
    found = []
    if job.model:
        found.append(f"The base model `{job.model}` is downloaded to the volume by the first pod.")
    if job.pushes_to:
        found.append(f"`--allow` is your consent to push to `{job.pushes_to}`; give HF_TOKEN, too.")
    return found


def _pod(job: Job, container: str, node: str, rendezvous: str) -> dict[str, Any]:
    """Return the specification of a pod. `node` and `rendezvous` are words of a shell."""
    words = " ".join(map(typed, job.words(f"{WORK}/run.lock", WORK)))
    several = f' --node "{node}" --rendezvous "{rendezvous}"' if job.nodes > 1 else ""
    resources = {"nvidia.com/gpu": job.cards} if job.cards else _of_cpu(job)
    mounts = [{"name": "work", "mountPath": WORK}, {"name": "shm", "mountPath": "/dev/shm"}]
    return {
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "containers": [
            {
                "name": container,
                "image": IMAGE,
                "command": ["sh", "-c", f"exec {words}{several}"],
                "env": [{"name": "HF_HOME", "value": f"{WORK}/huggingface"}],
                "resources": {"limits": resources, "requests": resources},
                "volumeMounts": mounts,
            }
        ],
        "volumes": [
            {"name": "work", "persistentVolumeClaim": {"claimName": CLAIM}},
            {"name": "shm", "emptyDir": {"medium": "Memory"}},
        ],
    }


def _of_cpu(job: Job) -> dict[str, Any]:
    cores = {"cpu": job.cores} if job.cores else {}
    return {**cores, "memory": f"{job.memory_gib}Gi"}
