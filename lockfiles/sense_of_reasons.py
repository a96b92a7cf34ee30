"""Checks that the reasons of a lock match its values; a part of `lockfiles.sense`.

A reason is a sentence that the planner wrote for a value and that is printed next to it. In an
edited lock, it must not name a value other than the lock's.
"""

import re
from collections.abc import Callable, Iterator

from lockfiles.engines import ENGINES
from lockfiles.tables import TrainingTables

Contradiction = tuple[str, str]
"""The field that is wrong, dotted, and words to follow it."""
Said = Callable[[TrainingTables], object]
"""Returns the values that the groups of a pattern must equal as text; a tuple where several."""


_METHODS = {"lora": "LoRA", "qlora": "QLoRA", "full": "Full fine-tuning"}


def steps(lock: TrainingTables) -> int:
    """Return the total optimizer steps of a run."""
    batches = -(-lock.stream.rows // lock.train.micro_batch)
    in_step = lock.train.accumulation * lock.parallel.processes
    return -(-batches // in_step) * lock.train.epochs


def _rate(lock: TrainingTables) -> str:
    """Return the learning rate as reasons write it: `2e-4`."""
    number, _, power = f"{lock.train.learning_rate:e}".partition("e")
    return f"{float(number):g}e{int(power)}"


_FORMS: tuple[tuple[str, str, Said], ...] = (
    ("method.kind", r"(LoRA|QLoRA) fits with", lambda lock: _METHODS[lock.method.kind]),
    ("method.kind", r"LoRA needs .*; (QLoRA) needs", lambda lock: _METHODS[lock.method.kind]),
    ("method.rank", r"Rank (\d+) ", lambda lock: lock.method.rank),
    ("method.rank", r"(Full fine-tuning) adds no adapter", lambda lock: _METHODS[lock.method.kind]),
    ("method.alpha", r"Twice the rank of (\d+)\.", lambda lock: lock.method.rank),
    ("train.micro_batch", r"The full effective batch of (\d+) fits", lambda lock: _batch(lock)),
    ("train.micro_batch", r"Micro-batch (\d+) needs", lambda lock: lock.train.micro_batch),
    ("train.micro_batch", r"Above (\d+) rows? of up to", lambda lock: lock.train.micro_batch),
    ("train.micro_batch", r"Each process computes its (\d+) rows? of", lambda lock: _own(lock)),
    (
        "train.micro_batch",
        r"(?:.* )?(\d+) rows? (?:has|have) about [\d,]+ tokens, nearest",
        lambda lock: _rows(lock),
    ),
    ("train.accumulation", r"(\d+) micro-batch(?:es)? of (\d+) make", lambda lock: _sums(lock)),
    (
        "train.accumulation",
        r"(\d+) micro-batch(?:es)? of (\d+) in each of (\d+) processes make",
        lambda lock: (*_sums(lock), lock.parallel.processes),
    ),
    ("train.kernels", r"torch (compile)s the layers", lambda lock: _compiles(lock)),
    ("train.kernels", r"Compiling the layers takes (about)", lambda lock: _as_they_are(lock)),
    ("train.kernels", r"Layers are (not compiled)", lambda lock: _not_compiled(lock)),
    ("train.base_products", r"You set (FP8) products", lambda lock: _in_fp8(lock)),
    ("train.base_products", r"FP8 products .* (could) make", lambda lock: _in_bf16(lock)),
    ("train.graph_sizes", r"Passes are (filled up)", lambda lock: _filled(lock)),
    ("train.graph_sizes", r"Passes are (not) recorded", lambda lock: _unrecorded(lock)),
    ("train.graph_sizes", r"CUDA graphs would (not)", lambda lock: _unrecorded(lock)),
    ("train.checkpointing", r"(It fits without)", lambda lock: _off(lock.train.checkpointing)),
    (
        "train.checkpointing",
        r"Checkpointing allows a micro-batch of (\d+)",
        lambda lock: lock.train.checkpointing and lock.train.micro_batch,
    ),
    ("parallel.engine", r"(Each \w+) holds the (?:full )?model", lambda lock: _copies(lock)),
    ("train.dtype", r"(float32) is the fastest", lambda lock: lock.train.dtype),
    ("train.dtype", r".* supports (bfloat16)\.", lambda lock: lock.train.dtype),
    ("train.learning_rate", r"(\S+) is (?:a safe|the usual) (?:learning )?rate", _rate),
    ("train.evaluate_steps", r"About five evaluations in (\d+) steps", steps),
    ("stream.max_length_tokens", r"(\d+) tokens:", lambda lock: lock.stream.max_length_tokens),
    (
        "exactness.threads",
        r"One (?:thread )?for each of the (\d+) cores",
        lambda lock: lock.exactness.threads,
    ),
    # As locks of revisions 0 to 2 have them.
    ("train.micro_batch", r"The whole effective batch of (\d+) fits", lambda lock: _batch(lock)),
    ("train.micro_batch", r"With (\d+) rows? at once", lambda lock: lock.train.micro_batch),
    (
        "train.micro_batch",
        r"(?:With more than )?(\d+) rows? of up to",
        lambda lock: lock.train.micro_batch,
    ),
    ("train.accumulation", r"(\d+) times (\d+) make", lambda lock: _sums(lock)),
    (
        "train.accumulation",
        r"(\d+) times (\d+) in each of (\d+) processes make",
        lambda lock: (*_sums(lock), lock.parallel.processes),
    ),
    (
        "train.checkpointing",
        r"(?:It|Checkpointing) leaves room for (\d+) rows?",
        lambda lock: lock.train.checkpointing and lock.train.micro_batch,
    ),
    ("train.dtype", r"A CPU computes (float32)", lambda lock: lock.train.dtype),
    ("train.dtype", r".* computes (bfloat16)\.", lambda lock: lock.train.dtype),
)
"""The sentences of `planner.search.reasons` and `planner.plan.plan` that name a value: the key of
the reason, how the sentence begins, and the values that it must name."""


def _batch(lock: TrainingTables) -> object:
    alone = lock.train.accumulation == lock.parallel.processes == 1
    return lock.train.micro_batch if alone else None


def _compiles(lock: TrainingTables) -> object:
    return "compile" if lock.train.kernels == "compiled" else None


def _as_they_are(lock: TrainingTables) -> object:
    return "about" if lock.train.kernels == "eager" else None


def _not_compiled(lock: TrainingTables) -> object:
    return "not compiled" if lock.train.kernels == "eager" else None


def _in_fp8(lock: TrainingTables) -> object:
    return "FP8" if lock.train.base_products == "fp8" else None


def _in_bf16(lock: TrainingTables) -> object:
    return "could" if lock.train.base_products == "bf16" else None


def _filled(lock: TrainingTables) -> object:
    return "filled up" if lock.train.graph_sizes else None


def _unrecorded(lock: TrainingTables) -> object:
    return None if lock.train.graph_sizes else "not"


def _copies(lock: TrainingTables) -> object:
    each = "card" if lock.machine.kind == "cuda" else "process"
    return f"Each {each}" if ENGINES[lock.parallel.engine].copies else None


def _own(lock: TrainingTables) -> object:
    return lock.train.micro_batch if lock.train.accumulation == 1 else None


def _rows(lock: TrainingTables) -> int:
    return lock.train.micro_batch * lock.train.accumulation * lock.parallel.processes


def _sums(lock: TrainingTables) -> tuple[int, int]:
    return lock.train.accumulation, lock.train.micro_batch


def _off(checkpointing: bool) -> object:
    return None if checkpointing else "It fits without"


def reasons(lock: TrainingTables) -> Iterator[Contradiction]:
    """Yield the reasons that name a value other than the lock's."""
    for key, pattern, wanted in _FORMS:
        found = re.match(pattern, lock.why.get(key, ""))
        if not found:
            continue
        values = wanted(lock)
        listed = values if isinstance(values, tuple) else (values,)
        if tuple(map(str, listed)) != found.groups():
            yield f"why.{key}", f"says `{found[0]}`, but the lock has another value"
