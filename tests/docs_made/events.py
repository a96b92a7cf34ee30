"""The page of the events: the kinds come from the code, and a test holds the fields to a run."""

from collections.abc import Mapping
from typing import get_args

from runner.runs.events import Kind

_INTRO = """\
# Events

`events.jsonl` in a run folder is the only way to watch a run: the dashboard, the progress lines and
`--json` all read it. Each line is one JSON object, and one process writes them. Watching never
touches the run.

Every event has these fields:

- `seq`: its number, from 0, without gaps
- `time`: seconds since the epoch, by the supervisor's clock
- `stage`: the stage that sent it, or `run` for the run itself
- `kind`: one of the kinds below

A line without its end is not written yet: read it again later. A line that is no event is damaged:
skip it. A field that is not known is missing. New kinds and fields may come; skip those that
you do not know."""

FIELDS: Mapping[str, Mapping[str, str]] = {
    "started": {
        "stages": "of `run` alone: the ids of the stages, in their order",
        "kinds": "of `run` alone: the kind of each stage, in the same order",
    },
    "progress": {
        "what": "what is being done",
        "done": "how much of it is done",
        "total": "how much there is",
        "unit": "what `done` and `total` count: `bytes`, `rows`, `files`, `models`, `seconds`",
        "stop_within_seconds": "after a stop was asked for: the stage is ended after so long",
    },
    "done": {"seconds": "how long the stage, or the run, took"},
    "failed": {
        "message": "one sentence",
        "hint": "what to do, with the command; may be empty",
        "details": "further lines, such as the fields that differ",
        "exit_code": "the [exit code](exit-codes.md) of the error",
    },
    "step": {
        "step": "the optimizer step, from 1",
        "steps": "how many there will be",
        "loss": "mean training loss since the last event",
        "learning_rate": "the learning rate of the step",
        "gradient_norm": "the norm of the gradients before clipping",
        "tokens": "tokens that the step read",
        "tokens_per_second": "tokens of the step by its time",
        "step_seconds": "time of the step",
        "memory_bytes": "memory in use now",
        "peak_bytes": "peak memory so far: of the process on CPU, of torch's allocator on a GPU",
        "predicted_bytes": "the peak that the lock predicts",
        "eta_seconds": "estimated time to the last step",
    },
    "evaluation": {
        "step": "during training: the step after which the validation loss was measured",
        "loss": "mean cross-entropy of the scored tokens, in nats",
        "model": "of the stage `evaluate`: `base` or `tuned`",
        "accuracy": "of the stage `evaluate`: share of exact answers, 0 to 1",
        "rows": "of the stage `evaluate`: the rows that were answered",
    },
    "checkpoint": {
        "step": "the step after which it was written",
        "seconds": "how long writing took",
    },
    "sample": {
        "source": "what answered: `tuned`, or the level of a GGUF file",
        "prompt": "the last message before the answer",
        "answer": "what the model answered",
        "wanted": "the answer of the row",
    },
    "warning": {
        "text": "one sentence",
        "stalled_seconds": "the stage has sent no heartbeat for so long; 0: it is heard again",
        "quiet_seconds": "the stage is alive but has reported no progress for so long",
        "damaged_lines": "lines of the file that were passed over",
    },
    "artifact": {
        "what": "what was made",
        "path": "its place, relative to the run folder, or its address on the Hub",
        "size_bytes": "its size; missing where it is not known",
    },
}
"""What each kind carries besides the common fields."""


def page() -> str:
    """Return the page, with the kinds in the order of the code."""
    parts = [_INTRO]
    for kind in get_args(Kind):
        fields = FIELDS[kind].items()
        parts += [f"## {kind}", "\n".join(f"- `{name}`: {words}" for name, words in fields)]
    return "\n\n".join(parts)
