"""Names that a lock may hold and higher floors define; tests keep both lists equal."""

from collections.abc import Iterable

from lockfiles.engines import ENGINES
from lockfiles.objectives.registry import OBJECTIVES
from lockfiles.stage_kinds.registry import KINDS

ANSWERS = frozenset(
    [
        "goal.name", "goal.change", "goal.prompting", "goal.retrieval_too_costly",
        "goal.consistent_behaviour", "goal.repetitive_task", "goal.shorter_prompts",
        "goal.domain_terms", "goal.knowledge_changes", "goal.external_information",
        "goal.examples_quality", "goal.override",
        "data.train", "data.validation", "data.test", "data.format", "data.prompt_column",
        "data.completion_column", "data.system", "data.roles", "data.validation_fraction",
        "data.drop", "data.bad_rows", "data.dedupe", "data.redact", "data.long", "data.general",
        "data.general_share",
        "model.source", "model.revision", "model.template",
        "machine.device", "machine.facts", "machine.processes", "machine.nodes",
        "machine.parallel", "machine.offload", "machine.price_per_hour",
        "method.objective", "method.kind", "method.rank", "method.alpha", "method.dropout",
        "method.targets", "method.modules", "method.bias", "method.micro_batch",
        "method.checkpointing", "method.packing", "method.compile", "method.cuda_graphs",
        "method.base_products",
        "train.max_length", "train.epochs", "train.learning_rate", "train.effective_batch",
        "train.effective_tokens", "train.warmup_ratio", "train.weight_decay", "train.seed",
        "train.keep", "train.exact",
        *(key for table in OBJECTIVES.values() for key in table.answers),
        *(key for kind in KINDS.values() for key in kind.answers),
        *(key for engine in ENGINES.values() for key in engine.answers),
    ]
)  # fmt: skip
"""The questions of the interview (`planner.interview.questions`)."""

PACKAGES = frozenset(
    ["accelerate", "bitsandbytes", "datasets", "gguf", "llama-cpp-python", "peft", "tokenizers",
     "torch", "transformers", "trl"]
)  # fmt: skip
"""The packages that can change a run's numbers (`planner.plan.packages`)."""


def packages(kinds: Iterable[str], engine: str = "single") -> frozenset[str]:
    """Return the packages that a lock with these kinds of stages and this engine names."""
    return PACKAGES.union(ENGINES[engine].packages, *(KINDS[kind].packages for kind in kinds))


_FINDINGS = frozenset(
    ["bad-rows", "empty", "one-word", "role-order", "encoding", "markup", "template-tokens",
     "truncated", "languages", "conflicting-answers", "personal-data", "leak", "template",
     "no-scored-token"]
)  # fmt: skip
FIXES = {
    "drop": _FINDINGS | {"over-length"},
    "redact": frozenset(["personal-data"]),
    "dedupe": frozenset(["exact-duplicates", "near-duplicates"]),
    "truncate": frozenset(["over-length"]),
    "split": frozenset(["over-length"]),
}
"""The findings that each step can fix (`planner.data.mend.steps`)."""

UNEXPLAINED = frozenset(["not in the estimate", "beside the estimate"])
"""Names of the component for what a measured peak has beyond the estimate; it may be negative.
`planner.plan.prediction` writes the first; locks of revisions 0 to 2 have the second."""
COMPONENTS = frozenset(
    [
        "process", "workspace", "weights", "reference weights", "adapter", "gradients",
        "optimizer states", "communication buckets", "gathered weights", "gathered gradients",
        "model files", "activations", "dropout masks", "layer inputs", "inputs of 8-bit layers",
        "attention mask", "adapter in bfloat16", "loss head", "head gradient",
        "recomputed layer", "recorded passes", "scratch", "heap", "rows", *UNEXPLAINED,
    ]
)  # fmt: skip
"""The components of peak memory (`planner.memory`)."""
