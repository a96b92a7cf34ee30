"""Recognizes what a folder or repository holds if it is not a causal language model to train."""

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Fix
from lockfiles.harmless import one_line
from planner.models import folder
from planner.models.folder import CONFIG, INDEX, SINGLE
from planner.models.shapes import config_json

ADAPTER = "adapter_config.json"
_ADAPTER_WEIGHTS = frozenset(["adapter_model.safetensors", "adapter_model.bin"])
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_PICKLED = re.compile(r"(?:pytorch_model|model|consolidated).*\.(?:bin|pth?|ckpt)")
_OTHER_WEIGHTS = (
    (".gguf", "GGUF files", "name the model that they were converted from"),
    (".onnx", "ONNX files", "name the model that they were converted from"),
    (".h5", "TensorFlow weights", "convert them with `save_pretrained`, or choose another model"),
    (".msgpack", "Flax weights", "convert them with `save_pretrained`, or choose another model"),
)
"""Weights of other programs, by how their names end."""
_CONVERTED = Advice(
    "save it with `AutoModelForCausalLM.from_pretrained(...).save_pretrained(...)` if you trust "
    "it, or choose a conversion to safetensors"
)
Read = Callable[[str], dict[str, Any]]
"""Returns the fields of one of the JSON files; raises UsageProblem if it cannot be read."""


def check_folder(path: Path, listed: Collection[str]) -> None:
    """Raise UsageProblem if a local folder does not hold a model to train; `listed` are its names.

    Only files within the folder are read.
    """

    def read(name: str) -> dict[str, Any]:
        return config_json.read(folder.real_place(path, name) or path / name)

    check_kind(str(path), listed, read, inner=lambda: _inner(path, listed))


def check_kind(
    name: str,
    listed: Collection[str],
    read: Read,
    *,
    inner: Callable[[], str] = lambda: "",
) -> None:
    """Raise UsageProblem if files are not those of a model to train; errors call it `name`.

    `inner` returns a folder within that has a configuration; empty if there is none.
    """
    for said, fix in _kinds(name, listed, read, inner):
        raise UsageProblem(said, fix=fix)


def _kinds(
    name: str, listed: Collection[str], read: Read, inner: Callable[[], str]
) -> Iterator[tuple[str, Fix]]:
    yield from _adapter(name, listed, read)
    yield from _collection(name, listed)
    if SINGLE not in listed and INDEX not in listed:
        yield from _weightless(name, listed, inner)
    elif CONFIG not in listed:
        yield (
            f"`{name}` has no `{CONFIG}`, only weights.",
            Advice(f"copy or download `{CONFIG}` from the same model"),
        )


def _adapter(name: str, listed: Collection[str], read: Read) -> Iterator[tuple[str, Fix]]:
    if ADAPTER not in listed:
        return
    try:
        values = read(ADAPTER)
    except UsageProblem:
        values = {}
    complete = CONFIG in listed and (SINGLE in listed or INDEX in listed)
    if complete and not isinstance(values.get("peft_type"), str):
        return  # some other program's file, which no loader reads
    kind, base = values.get("peft_type"), values.get("base_model_name_or_path")
    what = {"LORA": "a LoRA adapter", "ADALORA": "an AdaLoRA adapter"}.get(str(kind), "an adapter")
    if isinstance(base, str) and base:
        of, called = f" of `{one_line(base, most=100)}`", f"`{one_line(base, most=100)}`"
    else:
        of, called = "", "its base model"
    if complete:
        yield (
            f"`{name}` holds a model and {what}{of}, and only one of them can be trained.",
            Advice(f"move `{ADAPTER}` and its weights away, or name a merged model"),
        )
    yield (
        f"`{name}` is {what}{of}, not a base model.",
        Advice(f"name {called}, or merge the adapter into it first"),
    )


def _collection(name: str, listed: Collection[str]) -> Iterator[tuple[str, Fix]]:
    if "model_index.json" in listed:
        yield (
            f"`{name}` is an image or video pipeline (`model_index.json`), not a language model.",
            Advice("choose a causal language model"),
        )
    if "modules.json" in listed and (
        "config_sentence_transformers.json" in listed or "1_Pooling" in listed
    ):
        yield (
            f"`{name}` is a sentence-transformers model, which embeds text and does not write it.",
            Advice("choose a causal language model"),
        )


def _weightless(
    name: str, listed: Collection[str], inner: Callable[[], str]
) -> Iterator[tuple[str, Fix]]:
    no_usual = "no `.safetensors` weights under the usual names"
    if not _ADAPTER_WEIGHTS.isdisjoint(listed):
        yield (
            f"`{name}` has the weights of an adapter, but no `{ADAPTER}`; it is not a base model.",
            Advice("name its base model, or merge the adapter into it first"),
        )
    if any(map(_SHARD.fullmatch, listed)):
        yield (
            f"`{name}` has shards of safetensors weights, but no `{INDEX}`.",
            Advice("copy or download the model again"),
        )
    if "adapters.safetensors" in listed:
        yield (f"`{name}` is an adapter of MLX, not a base model.", Advice("name its base model"))
    for end, what, helps in _OTHER_WEIGHTS:
        if any(one.endswith(end) for one in listed):
            yield (f"`{name}` has {what}, and {no_usual}.", Advice(helps))
    if any(map(_PICKLED.fullmatch, listed)):
        yield (
            f"`{name}` has no `.safetensors` weights, and pickled weights can run code.",
            _CONVERTED,
        )
    if CONFIG not in listed and (within := inner()):
        yield (
            f"`{name}` has no `{CONFIG}`, but a folder in it has.",
            Command("ls {}", within, to="name that folder"),
        )
    others = [one for one in sorted(listed) if one.endswith(".safetensors")]
    if others:
        yield (
            f"`{name}` has {no_usual}, but `{one_line(others[0], most=100)}`.",
            Advice("save the model again with `save_pretrained`"),
        )
    if CONFIG in listed:
        yield (
            f"`{name}` has a `{CONFIG}`, but no weights: {no_usual}.",
            Advice("copy or download the weights too"),
        )
    yield (
        f"`{name}` has no `{CONFIG}` and {no_usual}: it is not a model.",
        Advice("name a folder or repository with a model"),
    )


def _inner(path: Path, listed: Collection[str]) -> str:
    """Return a folder in `path` that has a configuration, the last one by name.

    The Hub's cache keeps the folders of a repository in `snapshots`.
    """
    within = [path / name for name in sorted(listed, reverse=True)]
    if "snapshots" in listed and folder.real_folder(path, "snapshots"):
        within += [path / "snapshots" / one for one in folder.list_entries(path / "snapshots")]
    found = (one for one in within if (one / CONFIG).is_file() or (one / ADAPTER).is_file())
    return str(next(found, ""))
