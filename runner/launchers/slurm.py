"""A script for Slurm's `sbatch` that saves a checkpoint and requeues itself before it is stopped.

Slurm sends SIGTERM to the script before the time limit (`--signal=B:TERM@SECONDS`), and to the
tasks when the job is preempted with a grace time. Both end the run with a checkpoint; then the
script puts its job back into the queue, where the same command resumes it. A job that was
cancelled, or stopped by `tunelock stop`, is not requeued.
"""

from lockfiles.shell import typed
from runner.launchers.job import FILL_IN, GRACE_SECONDS, Job, comment, machines

_BODY = """
set -u
cd {folder} || exit
# source {fill_in}/bin/activate

asked=
# To the tasks, by Slurm: on SIGTERM srun itself would kill them.
stop() {{ asked=1; scancel --signal=TERM "$SLURM_JOB_ID"; }}
trap stop TERM

# One task on each machine: its number and machine 0's name are Slurm's. `--wait` ends the others
# if machine 0 could not start.
[ -z "${{SLURM_CPUS_PER_TASK:-}}" ] || export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"
srun --ntasks={nodes} --cpu-bind=none --kill-on-bad-exit=0 --wait=180 {command} &
step=$!
while :; do
  wait "$step"
  code=$?
  kill -0 "$step" 2>/dev/null || break
done

# 75: stopped with a checkpoint; 143: this script was interrupted as the run ended.
if [ "$code" = 75 ] || [ "$code" = 143 ]; then
  state=$(scontrol show job --oneliner "$SLURM_JOB_ID")
  case $state in *" PreemptTime=2"*) asked=1 ;; esac
  case $state in *" JobState=RUNNING "*) ;; *) asked= ;; esac
  if [ -n "$asked" ]; then
    trap "" TERM
    scontrol requeue "$SLURM_JOB_ID" && exit 0
  fi
fi
exit "$code"
"""


def script(job: Job) -> str:
    """Return the script of a job."""
    lock = typed(job.lock.name)
    words = ["tunelock", "run", job.lock.name, "--foreground", *job.located(),
             *job.options(job.former)]  # fmt: skip
    body = _BODY.format(
        folder=typed(job.lock.parent), fill_in=FILL_IN, nodes=job.nodes,
        command=" ".join(map(typed, words)),
    )  # fmt: skip
    return "#!/bin/bash\n" + comment(_head(job, lock)) + _directives(job) + body


def _head(job: Job, lock: str) -> list[str]:
    folder = typed(job.lock.parent)
    inputs = [f"  {name}: {typed(path)}" for name, path in job.inputs.items() if path]
    unknown = [f"`{name}`" for name, path in job.inputs.items() if not path]
    one = job.nodes == 1
    every, it = ("The machine must", "It must") if one else ("All machines must", "They must")
    return [
        f"Runs {lock} on {machines(job.nodes)}. Submit it with `sbatch SCRIPT`; end it with "
        "`scancel JOB`.",
        "",
        "Fill in: what your cluster needs of the commented lines (partition, account), and how its",
        f"machines find `tunelock` (an environment or a module with `{job.package}`).",
        *([f"Fill in the paths after `--locate`, too: {', '.join(unknown)}"] if unknown else []),
        f"{every} see this folder under the same path: {folder}",
        *([f"{it} also see the inputs of the lock:", *inputs] if inputs else []),
        *([f"{it} also see the run to continue: {typed(job.former)}"] if job.former else []),
        *([f"The base model `{job.model}` is downloaded to HF_HOME: share it, too."]
          if job.model else []),
        *([] if job.timed else ["The time limit is a guess: the run's time is not known."]),
    ]  # fmt: skip


def _directives(job: Job) -> str:
    hours, rest = divmod(job.limit_seconds, 3600)
    lines = [
        f"--job-name={job.name}",
        f"--nodes={job.nodes}",
        "--ntasks-per-node=1",
        *([f"--gpus-per-node={job.cards}"] if job.cards else [f"--mem={job.memory_gib}G"]),
        *([f"--cpus-per-task={job.cores}"] if job.cores else []),
        f"--time={hours:02d}:{rest // 60:02d}:00",
        f"--signal=B:TERM@{GRACE_SECONDS}",
        "--requeue",
        "--open-mode=append",
        f"--output={job.name}-%j.log",
    ]
    extra = [f"--partition={FILL_IN}", f"--account={FILL_IN}"]
    extra += [] if job.cores else [f"--cpus-per-task={FILL_IN}"]
    found = [f"#SBATCH {line}\n" for line in lines] + [f"##SBATCH {line}\n" for line in extra]
    return "".join(found)
