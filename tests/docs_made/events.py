"""The page of the events: the kinds come from the code, and a test holds the fields to a run."""

from collections.abc import Mapping
from typing import get_args

from runner.runs.events import Kind

_INTRO = """\
# Events

`events.jsonl` in a run folder records everything that can be observed of a run: the dashboard, the
progress lines and `--json` all read it. Each line is one JSON object, and a single process writes
them. Watching never affects the run.

Every event has these fields:

- `seq`: its number, from 0, without gaps
- `time`: seconds since the epoch, by the supervisor's clock
- `stage`: the stage that sent it, or `run` for the run itself
- `kind`: one of the kinds below

A line without a line end is incomplete: read it again later. A line that is not an event is
damaged: skip it. Unknown values are missing fields. New kinds and fields may be added; ignore those
that you do not know."""

FIELDS: Mapping[str, Mapping[str, str]] = {
    "started": {
        "stages": "only of `run`: the ids of the stages, in order",
        "kinds": "only of `run`: the kind of each stage, in the same order",
    },
    "progress": {
        "what": "the activity",
        "done": "the amount done",
        "total": "the total amount",
        "unit": "the unit of `done` and `total`: `bytes`, `rows`, `files`, `models`, `seconds`",
        "stop_within_seconds": "after a stop was requested: the stage is killed after this time",
    },
    "done": {"seconds": "duration of the stage or the run"},
    "failed": {
        "message": "one sentence",
        "hint": "how to fix it, with the command; may be empty",
        "details": "further lines, such as the fields that differ",
        "exit_code": "the [exit code](exit-codes.md) of the error",
    },
    "step": {
        "step": "the optimizer step, from 1",
        "steps": "the total number of optimizer steps",
        "loss": "mean training loss since the last event",
        "learning_rate": "the learning rate of the step",
        "gradient_norm": "the norm of the gradients before clipping",
        "tokens": "tokens of the step",
        "tokens_per_second": "tokens of the step divided by its duration",
        "step_seconds": "duration of the step",
        "memory_bytes": "memory currently in use",
        "peak_bytes": "peak memory so far: of the process on CPU, of torch's allocator on a GPU",
        "predicted_bytes": "the peak that the lock predicts",
        "eta_seconds": "estimated time until the last step",
    },
    "evaluation": {
        "step": "during training: the step after which the validation loss was measured",
        "loss": "mean cross-entropy of the scored tokens, in nats",
        "model": "of the stage `evaluate`: `base` or `tuned`",
        "accuracy": "of the stage `evaluate`: share of exact answers, 0 to 1",
        "rows": "of the stage `evaluate`: the number of rows",
    },
    "checkpoint": {
        "step": "the step after which it was written",
        "seconds": "how long writing it took",
    },
    "sample": {
        "source": "the model that answered: `tuned`, or the level of a GGUF file",
        "prompt": "the last message before the answer",
        "answer": "the model's answer",
        "wanted": "the expected answer, from the row",
    },
    "warning": {
        "text": "one sentence",
        "stalled_seconds": "time without a heartbeat of the stage; 0: it is responding again",
        "quiet_seconds": "time without progress of a stage that is still running",
        "damaged_lines": "lines of the file that were skipped",
        "of_attempt": "true: about this attempt only, so `status` does not show it",
    },
    "artifact": {
        "what": "the kind of artifact",
        "path": "its path relative to the run folder, or its URL on the Hub",
        "size_bytes": "its size; missing if unknown",
    },
}
"""The fields of each kind besides the common ones."""


def page() -> str:
    """Return the page, with the kinds in the order of the code."""
    parts = [_INTRO]
    for kind in get_args(Kind):
        fields = FIELDS[kind].items()
        parts += [f"## {kind}", "\n".join(f"- `{name}`: {words}" for name, words in fields)]
    return "\n\n".join(parts)
