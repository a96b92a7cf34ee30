"""Tables that do not agree with each other, each named with its field."""

import copy
from typing import Any

import pytest

from lockfiles import lock
from lockfiles import text as toml
from lockfiles.errors import EditedLock, UsageProblem
from lockfiles.lock import Lock
from lockfiles.stage_kinds.registry import KINDS
from tests.lockfiles.samples import LOCK, SHA, stage

OTHER, THIRD = SHA[::-1], SHA[1:] + "0"
COMMIT = "0" * 40
FILE = {"name": "data/train.parquet", "size_bytes": 9, "sha256": SHA}
HUB = {"source": "hf:ana/rows", "revision": "main", "commit": COMMIT, "files": [FILE]}
CARD = {"kind": "cuda", "accelerator": "NVIDIA L4", "capability": "8.9", "count": 1}
EVALUATE = stage("evaluate", "prepare", "train", rows="test", samples=3)
DDP = {"engine": "ddp", "processes": 2}
ZERO = {"engine": "zero2", "processes": 2, "offload": "optimizer"}
CARDS = CARD | {"count": 2, "memory_bytes": 1 << 30}
PUSH = stage("push", to="ana/tuned", private=True)


def part(split: str, **changes: object) -> dict[str, Any]:
    """Return a split with rows of its own."""
    own = {"split": split, "source": f"local:{split}", "fraction": 0.0}
    own |= {"sha256": OTHER, "tokens_sha256": OTHER}
    return LOCK.data[0].model_dump() | own | changes


def tables(*changes: tuple[str, object]) -> dict[str, Any]:
    """Return a lock's tables with some values changed, each by its dotted name."""
    made = copy.deepcopy(LOCK.model_dump())
    for place, value in changes:
        within: Any = made
        *outer, last = place.split(".")
        for key in outer:
            within = within[int(key)] if isinstance(within, list) else within[key]
        if isinstance(within, list):
            within[int(last)] = value
        else:
            within[last] = value
    made["integrity"] = {one["id"]: SHA for one in made["stage"]}
    return made


def stages(*names: str) -> list[dict[str, Any]]:
    """Return stages by name, with settings and inputs that such a stage can have."""
    known: dict[str, dict[str, Any]] = {one.id: one.model_dump() for one in LOCK.stage}
    known |= {"evaluate": EVALUATE, "push": PUSH}
    return [
        known[name] | {"inputs": [one for one in names[:at] if KINDS[name].may_read(one)]}
        for at, name in enumerate(names)
    ]


TRAIN = LOCK.data[0].model_dump()
LABELLED: dict[str, Any] = {
    "format": "classification",
    "prompt_column": "text",
    "completion_column": "label",
    "system": "Reply with one of these labels: a, b",
    "labels": ["a", "b"],
}
SPLIT: dict[str, Any] = {"fraction": 0.1, "split_by": "groups"}
FULL = [("method.rank", 0), ("method.alpha", 0), ("method.dropout", 0.0), ("method.targets", [])]
WHOLE = stages("prepare", "train", "report")


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [("data", [TRAIN | SPLIT, part("validation", source="local:train", **SPLIT)]),
         ("stage", WHOLE)],
        [("data", [TRAIN, part("test")]),
         ("stage", stages("prepare", "train", "evaluate", "report"))],
        [("data.0", TRAIN | HUB)],
        [("data", [TRAIN | LABELLED, part("test", **LABELLED | {"labels": []})]),
         ("stage", stages("prepare", "train", "evaluate", "report"))],
        [("data.0", TRAIN | LABELLED | {"format": "mixed"})],
        [("data.0", TRAIN | {"bad_rows": 0.5}),
         ("fix", [{"source": "train", "step": "drop", "what": "bad-rows", "rows": 3}])],
        [("stage", stages("prepare", "train", "push", "report"))],
        [("method.kind", "full"), *FULL, ("stage", WHOLE)],
        [("machine", CARD | {"memory_bytes": 1 << 30}), ("train.dtype", "bfloat16"),
         ("train.optimizer", "adamw_torch_fused"),
         ("exactness.environment.PYTORCH_ALLOC_CONF", "expandable_segments:True")],
        [("fix", [{"source": "train", "step": "drop", "what": "empty", "rows": 3}])],
        [("why", {"method.rank": "Because.", "prediction.peak_bytes": "Measured."})],
        [("why", {"method.rank": "You set it."}), ("method.rank", 17)],
        [("parallel", DDP | {"nodes": 2})],
        [("parallel", DDP),
         ("why", {"train.accumulation": "2 times 8 in each of 2 processes make 32."})],
        [("parallel", DDP),
         ("why", {"train.accumulation": "2 micro-batches of 8 in each of 2 processes make an"})],
        [("prediction.components", {"weights": 757_600_001, "not in the estimate": -1})],
        [("parallel", ZERO), ("machine", CARDS)],
        [("parallel", ZERO | {"processes": 1}), ("machine", CARD | {"memory_bytes": 1 << 30})],
        [("parallel", DDP), ("machine", CARDS)],
    ],
)  # fmt: skip
def test_what_a_plan_can_write_is_a_lock(changes: list[tuple[str, object]]) -> None:
    made = Lock.model_validate(tables(*changes))
    assert lock.parse(lock.write(made)) == made


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([("why", {"method.rank": "Rank 999 is usual."})], "`why.method.rank` on line"),
        ([("why", {"method.alpha": "Twice the rank of 999."})], "says `Twice the rank of 999.`"),
        ([("why", {"method.kind": "QLoRA fits with less."})], "but the lock has another value"),
        ([("why", {"train.micro_batch": "Micro-batch 999 needs"})], "another value"),
        ([("why", {"train.micro_batch": "The full effective batch of 9 fits."})], "another value"),
        ([("why", {"train.micro_batch": "Above 9 rows of up to 64 tokens"})], "another value"),
        ([("why", {"train.micro_batch": "9 rows have about 90 tokens, nearest to"})], "another"),
        ([("why", {"train.accumulation": "3 micro-batches of 999 make"})], "another value"),
        ([("why", {"train.checkpointing": "Checkpointing allows a micro-batch of 9"})],
         "another value"),
        ([("why", {"train.kernels": "torch compiles the layers"})], "another value"),
        ([("why", {"train.graph_sizes": "Passes are filled up to one of"})], "another value"),
        ([("why", {"train.learning_rate": "9e-4 is a safe learning rate."})], "another value"),
        ([("why", {"train.dtype": "Compute capability 9.0 supports bfloat16."})], "another value"),
        ([("why", {"exactness.threads": "One thread for each of the 9 cores"})], "another value"),
        ([("why", {"method.kind": "QLoRA fits with unrounded"})], "another value"),
        ([("why", {"train.micro_batch": "With 999 rows at once"})], "another value"),
        ([("why", {"train.micro_batch": "The whole effective batch of 9 fits."})], "another value"),
        ([("why", {"train.accumulation": "3 times 999 make the batch."})], "another value"),
        ([("why", {"train.learning_rate": "9e-4 is a safe rate for LoRA."})], "another value"),
        ([("why", {"train.dtype": "Compute capability 9.0 computes bfloat16."})], "another value"),
        ([("why", {"stream.max_length_tokens": "999 tokens: you set it."})], "another value"),
        ([("decision.verdict", "rag")], "`decision.overridden` on line"),
        ([("model.commit", COMMIT)], "`model.commit` on line"),
        ([("model.source", "hf:ana/base")], "`model.revision` on line"),
        ([("model.files", LOCK.model_dump()["model"]["files"][:2])], "has no `tokenizer.json`"),
        ([("model.files.1.size_bytes", 0)], "has no `.safetensors` weights"),
        ([("model.files.0.name", "tokenizer.json")], "`model.files` of `run.lock` has a duplicate"),
        ([("model.files.0.name", "setup.py")], "`model.files.name` on line"),
        ([("model.files.0.name", "a/config.json")], "`model.files.name` on line"),
        ([("model.parameters", 10**12)], "more than the files can contain"),
        ([("model.architecture.layers", 10**6)], "implies more parameters"),
        ([("template.end_ids", [2, 2])], "`template.end_ids` on line"),
        ([("template.pad_id", 1024)], "beyond the model's vocabulary"),
        ([("model.family", "Mamba 2")], "`model.family` on line"),
        ([("template.date", "2024-13-26")], "`template.date` on line"),
        ([("data", [])], "`data` on line"),
        ([("data", [part("test")])], "must begin with the split `train`"),
        ([("data", [TRAIN, part("test"), part("test", sha256=THIRD)])], "has a duplicate"),
        ([("data", [TRAIN, part("test"), part("validation")])], "in this order: `train`"),
        ([("data", [TRAIN, part("test", source="local:train")])], "must be `local:test`"),
        ([("data.0.source", "local:UNKNOWN")], "`data.source` on line"),
        ([("data", [TRAIN, part("test", rows=0)])], "it must be at least 1"),
        ([("data", [TRAIN, part("test", sha256=SHA)])], "the `test` rows are not held out"),
        ([("data", [TRAIN, part("validation", tokens_sha256=SHA)])], "rows are not held out"),
        ([("data.0", TRAIN | HUB | {"files": []})], "has no file of the dataset"),
        ([("data.0", TRAIN | HUB | {"commit": ""})], "`data.commit` on line"),
        ([("data.0.files", [FILE])], "`data.files`"),
        ([("data.0.hub_split", "train")], "`data.hub_split` on line"),
        ([("data.0.fraction", 0.1)], "is set, but no rows are split off"),
        ([("data", [TRAIN, part("validation", source="local:train", **SPLIT)])],
         "is set, but no rows are split off"),
        ([("data", [TRAIN | SPLIT, part("validation", source="local:train", fraction=0.1,
                                        split_seed=3, split_by="groups")])],
         "`data.split_seed` on line"),
        ([("data", [TRAIN, part("test", system="Say yes.")])], "`data.system` on line"),
        ([("data", [TRAIN, part("test", bad_rows=0.2)])], "`data.bad_rows` on line"),
        ([("data.0", TRAIN | {"bad_rows": 0.6})], "`data.bad_rows` on line"),
        ([("data.0", TRAIN | {"labels": ["a", "b"]})], "is only for the training rows"),
        ([("data.0", TRAIN | LABELLED | {"labels": ["a"]})], "must have at least two labels"),
        ([("data.0", TRAIN | LABELLED | {"labels": ["b", "a"]})], "must be sorted"),
        ([("data.0", TRAIN | LABELLED | {"labels": ["a", "a"]})], "must be sorted"),
        ([("data.0", TRAIN | LABELLED | {"labels": ["a", "b\nc"]})], "`data.labels` on line"),
        ([("data.0", TRAIN | LABELLED | {"labels": ["a", "b" * 201]})], "`data.labels` on line"),
        ([("data.0", TRAIN | LABELLED | {"labels": [f"{n:04}" for n in range(1001)]})],
         "`data.labels`"),
        ([("data.0", TRAIN | LABELLED | {"system": ""})], "needs an instruction"),
        ([("data.0", TRAIN | LABELLED | {"prompt_column": ""})], "needs two columns"),
        ([("data", [TRAIN | LABELLED, part("test", **LABELLED)])], "is only for the training rows"),
        ([("data.0.format", "columns")], "`data.prompt_column` on line"),
        ([("fix", [{"source": "train", "step": "redact", "what": "empty", "rows": 1}])],
         "`fix.what` on line"),
        ([("stream.rows", 674)], "`stream.rows` on line"),
        ([("stream.sha256", OTHER)], "`stream.sha256` on line"),
        ([("train.epochs", 2)], "must have one digest for each of `train.epochs`"),
        ([("train.epochs", 10**12)], "`train.epochs` on line"),
        ([("stream.order_sha256", [SHA] * 1000), ("train.epochs", 1000),
          ("stream.rows", 10**7), ("data.0.rows", 10**7), ("stream.tokens", 10**7)],
         "more than the limit of 1,000,000,000 ordered rows"),
        ([("stream.max_length_tokens", 257)], "exceeds the model's context"),
        ([("stream.tokens", 675 * 64 + 1)], "more than the rows can contain"),
        ([("stream.scored_tokens", 27_001)], "more than `stream.tokens`"),
        ([("method.rank", 0)], "`method.rank` on line"),
        ([("method.kind", "qlora"), ("method.targets", [])], "`qlora` needs a value"),
        ([("method.targets", ["q_proj", "q_proj"])], "has a duplicate"),
        ([("method.kind", "full"), ("stage", WHOLE)], "full fine-tuning has none"),
        ([("method.kind", "full"), *FULL], "has no adapter, but a `merge` needs one"),
        ([("train.micro_batch", 65536)], "leads to a step of more than 65,536 rows"),
        ([("train.micro_batch", 32768), ("parallel", DDP)], "leads to a step of more than"),
        ([("parallel.engine", "ddp")], "is not a valid number for `ddp`"),
        ([("parallel.processes", 2)], "is not a valid number for `single`"),
        ([("parallel.nodes", 2)], "must divide `parallel.processes`"),
        ([("parallel", DDP | {"nodes": 3})], "must divide `parallel.processes`"),
        ([("parallel.nodes", 0)], "`parallel.nodes` on line"),
        ([("parallel.processes", 1025)], "`parallel.processes` on line"),
        ([("parallel.offload", "disk")], "`parallel.offload` on line"),
        ([("parallel.offload", "optimizer")], "is not supported by `single`"),
        ([("parallel", ZERO | {"offload": "all"}), ("machine", CARDS)],
         "is not supported by `zero2`"),
        ([("parallel", ZERO | {"offload": "optimizer"})], "is for cards, but the machine has none"),
        ([("parallel", ZERO), ("machine", CARDS | {"count": 1})], "equal `parallel.processes`"),
        ([("revision", 8), ("parallel", ZERO), ("machine", CARDS)],
         "must have exactly these keys"),
        ([("parallel.bucket", 0)], "`parallel.bucket` on line"),
        ([("parallel", {"engine": "zero3", "processes": 1, "offload": "all"}),
          ("machine", CARD | {"memory_bytes": 1 << 30}), ("exactness.exact", True)],
         "is possible for a single process"),
        ([("parallel.engine", "sh -c id")], "`parallel.engine` on line"),
        ([("parallel", DDP), ("stream.packing", True)], "needs `train.pass_tokens`"),
        ([("parallel", DDP), ("exactness.exact", True)], "is possible for a single process"),
        ([("parallel", DDP),
          ("why", {"train.accumulation": "2 times 8 in each of 3 processes make 48."})],
         "another value"),
        ([("parallel", DDP),
          ("why", {"train.accumulation": "2 micro-batches of 8 in each of 3 processes make"})],
         "another value"),
        ([("parallel", ZERO), ("machine", CARDS),
          ("why", {"parallel.engine": "Each card holds the model, so that all is well."})],
         "another value"),
        ([("parallel", ZERO), ("machine", CARDS),
          ("why", {"parallel.engine": "Each card holds the full model and"})], "another value"),
        ([("train.optimizer", "adamw_torch_fused")], "the machine has none"),
        ([("train.dtype", "bfloat16")], "the machine has none"),
        ([("machine.accelerator", "NVIDIA L4")], "is `cpu`, but a card is named"),
        ([("machine.kind", "cuda")], "is `cuda`, but no card is named"),
        ([("machine.memory_bytes", 1)], "must be a multiple of 536,870,912"),
        ([("exactness.environment.PYTORCH_ALLOC_CONF", "expandable_segments:True")],
         "is for a card"),
        ([("exactness.environment.BROWSER", "sh -c id")], "not a variable that a lock may set"),
        ([("exactness.environment.PYTORCH_ALLOC_CONF", "backend:x")], "it must be"),
        ([("packages", {"torch": "2.13.0"})], "must have exactly these keys: `accelerate`"),
        ([("packages.torch", "2.13.0+cpu")], "`packages.torch` on line"),
        ([("prediction.peak_bytes", 1)], "does not add up"),
        ([("prediction.flops_share", 0.4)], "is for a card, but the machine has none"),
        ([("prediction.components.shell", 1)], "is an unknown key"),
        ([("why", {"method.rnk": "x"})], "a value that locks do not have"),
        ([("intent.origin", {"data.trian": "given"})], "is an unknown key"),
        ([("stage", [])], "`stage` on line"),
        ([("stage", stages("train", "report"))], "has no `prepare`"),
        ([("stage", stages("prepare", "report", "train"))], "in this order: `prepare`"),
        ([("stage", stages("prepare", "train", "train", "report"))], "has a duplicate"),
        ([("stage", stages("prepare", "train", "gguf", "report"))],
         "has no `merge`, which a `gguf` needs"),
        ([("stage.3.inputs", ["prepare", "train"])], "has no `merge`"),
        ([("stage.3.inputs", ["merge", "merge"])], "has a duplicate"),
        ([("stage.3.inputs", ["gguf"])], "names `gguf`, which is not an earlier stage"),
        ([("stage.3.inputs", ["report"])], "which is not an earlier stage for a `gguf` to read"),
        ([("stage.2.inputs", ["prepare", "train"])], "names `prepare`, which is not an earlier"),
        ([("stage.2.inputs", [])], "has no `train`"),
        ([("stage.4.inputs", ["prepare", "train", "merge"])], "must name every stage before it"),
        ([("stage.3.id", "../gguf")], "`stage.id` on line"),
        ([("stage.3.kind", "shell")], "`stage.kind` on line"),
        ([("stage.3.kind", "push")], "does not belong here"),
        ([("stage", [*stages("prepare", "train", "merge"),
                     stages("prepare", "train", "merge")[2] | {"id": "merge-2"},
                     WHOLE[2]])], "is a second `merge`"),
        ([("stage", stages("prepare", "train", "evaluate", "report"))],
         "needs held-out rows, but there are none"),
        ([("data", [TRAIN, part("test"), part("general", sha256=THIRD)]),
          ("stage", [*WHOLE[:2], EVALUATE | {"settings": {"rows": "train", "samples": 0}},
                     WHOLE[2]])], "must be held-out rows"),
        ([("stage.3.settings.levels", [])], "it has fewer than 1 items"),
        ([("stage.3.settings.levels", ["q9"])], "`stage.settings.levels` on line"),
        ([("stage.3.settings.levels", ["f16", "f16"])], "has a duplicate"),
        ([("stage.3.settings.to", "ana/x")], "`stage.settings.to` on line"),
        ([("stage", [*WHOLE[:2], PUSH | {"settings": {"to": "tuned", "private": True}},
                     WHOLE[2]])], "`stage.settings.to` on line"),
        ([("stage", [*WHOLE[:2], PUSH | {"settings": {"to": "../x", "private": True}},
                     WHOLE[2]])], "`stage.settings.to` on line"),
    ],
)  # fmt: skip
def test_what_does_not_agree_is_one_sentence(changes: list[tuple[str, object]], said: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        lock.parse(toml.write(tables(*changes)))
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    edited = isinstance(caught.value, EditedLock)
    assert (caught.value.exit_code, bool(caught.value.hint)) == (5 if edited else 2, True)
    assert caught.value.message.startswith("The lock was edited after it was planned: `") == edited


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("train.epochs", 9, 5),
        ("stream.rows", 7, 5),
        ("method.rank", "many", 2),
        ("train.micro_batch", 0, 2),
        ("train.epoch", 9, 2),
    ],
)
def test_a_valid_value_that_another_contradicts_was_edited(
    key: str, value: object, code: int
) -> None:
    with pytest.raises(UsageProblem) as caught:
        lock.parse(toml.write(tables((key, value))))
    assert caught.value.exit_code == code
    instead = "change `run.toml` instead, then `tunelock plan run.toml`"
    assert caught.value.hint == (instead if code == 5 else "tunelock plan run.toml")


def test_each_stage_has_its_own_digest() -> None:
    made = tables()
    del made["integrity"]["merge"]
    with pytest.raises(UsageProblem, match="must have one digest for each stage"):
        lock.parse(toml.write(made))


@pytest.mark.parametrize("revision", [lock.REVISION + 1, 9, 999_999])
def test_a_newer_revision_is_refused_by_its_number(revision: int) -> None:
    with pytest.raises(UsageProblem, match=f"of revision {revision}, but this version") as no:
        lock.parse(toml.write(tables(("revision", revision))))
    assert no.value.hint == "pip install --upgrade tunelock"


@pytest.mark.parametrize("environment", [{}, {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}])
def test_a_lock_of_an_older_revision_keeps_its_digests(environment: dict[str, str]) -> None:
    """What an old lock does not say is not in its digests, and reading it adds nothing."""
    old = tables(("machine", CARD | {"memory_bytes": 1 << 30}), ("revision", 0))
    old["exactness"]["environment"] = environment
    for key in ("split_by", "revision", "commit", "config", "hub_split", "files"):
        del old["data"][0][key]
    del old["method"]["bias"], old["fix"], old["model"]["architecture"]["head_bias"]
    assert lock.parse(toml.write(old)).model_dump(exclude_unset=True) == old
