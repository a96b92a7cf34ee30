"""Every reader of a file that a stranger can write, as a function of that file's bytes.

Each returns a function that reads some bytes and may raise a TunelockError. Modules of ours are
imported inside, so that a caller can instrument them first.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Read = Callable[[bytes], object]
CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Reader:
    """One reader and the files that its search begins with."""

    made: Callable[[Path], Read]
    """Takes a folder for its files."""
    seeds: Callable[[Path], list[bytes]]
    """Takes a folder with the planned demo."""


def _file(name: str, read: Callable[[Path], object]) -> Callable[[Path], Read]:
    """Return a reader of a file that has this name."""

    def made(folder: Path) -> Read:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)

        def of(content: bytes) -> object:
            path.write_bytes(content)
            return read(path)

        return of

    return made


def _lock(folder: Path) -> Read:
    from lockfiles import lock
    from lockfiles.compare import differences
    from runner.inputs import verify

    base = lock.parse((folder.parent / "demo" / "run.lock").read_text("utf-8"))

    def read(content: bytes) -> None:
        with suppress(UnicodeDecodeError):
            found = lock.parse(content.decode("utf-8"))
            list(differences(base, found))
            lock.parse(lock.write(found))
            verify.check_whole(found)

    return read


def _intent(folder: Path) -> Read:
    from lockfiles import intent
    from planner.interview.answers import check, given

    def read(content: bytes) -> None:
        with suppress(UnicodeDecodeError):
            raw = intent.parse(content.decode("utf-8"))
            intent.write(given(check(raw.values, raw.lines)))

    return read


def _events(path: Path) -> None:
    from runner.runs.events import Writer, read
    from tui.follow.follow import snapshot_of
    from tui.snapshot import empty, fold
    from tui.snapshot.narrator import Narrator

    events, _ = read(path)
    fold(empty("x"), events)
    Narrator(empty("x")).narrate(events)
    snapshot_of(path.parent)
    with Writer(path):
        pass


def _receipt(path: Path) -> None:
    from lockfiles import receipt

    receipt.write(receipt.read(path), path)


def _done(path: Path) -> None:
    from runner.runs.folder import StagePlace

    StagePlace(1, "train", "train", path.parent.parent).done("0" * 64)


def _machine(path: Path) -> None:
    from planner.machines.saved import load

    load(path).save(path)


def _rehearsal(path: Path) -> None:
    from planner.search.rehearsal import load

    load(path)


def _locations(folder: Path) -> Read:
    from lockfiles import lock
    from runner.inputs import locations

    held = lock.parse((folder.parent / "demo" / "run.lock").read_text("utf-8"))
    path = folder / "locations.toml"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        locations.known(held, folder / "x.lock", {})

    return read


def _config(path: Path) -> None:
    from lockfiles import text
    from planner.models.architecture import architecture

    architecture(text.read_json_object(path), str(path))


def _header(path: Path) -> None:
    from lockfiles import digest

    digest.of_tensors([path])


def _index(folder: Path) -> Read:
    import shutil

    from planner.models import facts

    base = folder.parent / "demo" / "base"
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(base / name, folder / name)
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    shard = len(header).to_bytes(8, "little") + header + b"\0\0\0\0"
    (folder / "model-00001-of-00001.safetensors").write_bytes(shard)

    def read(content: bytes) -> None:
        (folder / "model.safetensors.index.json").write_bytes(content)
        facts.from_folder(folder)

    return read


def _tokenizer_config(folder: Path) -> Read:
    import shutil

    from planner.data.rows.rows import Message
    from planner.data.tokens.template import load_template

    base = folder.parent / "demo" / "base"
    shutil.copyfile(base / "tokenizer.json", folder / "tokenizer.json")

    def read(content: bytes) -> None:
        (folder / "tokenizer_config.json").write_bytes(content)
        load_template(folder).render([Message("user", "a"), Message("assistant", "b")])

    return read


def _template(folder: Path) -> Read:
    from planner.data.rows.rows import Message
    from planner.data.tokens.template import load_template

    def read(content: bytes) -> None:
        (folder / "chat_template.jinja").write_bytes(content)
        load_template(folder).render([Message("user", "a"), Message("assistant", "b")])

    return read


def _rows(path: Path) -> None:
    from planner.data.reading.formats import load_table

    load_table(path)


def _card(folder: Path) -> Read:
    from planner.hub.datasets import isolated
    from planner.hub.datasets.kinds import Unreadable

    names = ["data/train-00000-of-00001.parquet", "test.jsonl", "a/b/validation.csv"]

    def read(content: bytes) -> None:
        with suppress(Unreadable):
            isolated.configs(isolated.card_configs(content), names)

    return read


def _card_inside(folder: Path) -> Read:
    """Read a card as the child process does, in which what is reached can be seen."""
    from planner.data.worker import card
    from planner.hub.datasets.kinds import Unreadable

    names = ["data/train-00000-of-00001.parquet", "test.jsonl", "a/b/validation.csv"]

    def read(content: bytes) -> None:
        with suppress(Unreadable):
            card.offered(json.loads(card.configs(content)), names)

    return read


def _reference(folder: Path) -> Read:
    from planner.hub.datasets.reference import parse

    return lambda content: str(parse(content.decode("utf-8", "replace")))


def _of(*patterns: str) -> Callable[[Path], list[bytes]]:
    """Return the corpus' files that match, or the demo's."""

    def seeds(demo: Path) -> list[bytes]:
        found = [path for root in (CORPUS, demo) for one in patterns for path in root.glob(one)]
        return [path.read_bytes() for path in found if path.is_file()]

    return seeds


def _texts(*texts: str) -> Callable[[Path], list[bytes]]:
    return lambda demo: [text.encode() for text in texts]


def _headers(demo: Path) -> list[bytes]:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    header["a"] = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    text = json.dumps(header).encode()
    return [len(text).to_bytes(8, "little") + text + b"\0\0\0\0"]


_ROWS = ("rows/train.jsonl", "rows/test.jsonl")
_FORMATS = (
    '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n',
    '{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}\n',
    '{"instruction": "a", "input": "b", "output": "c"}\n{"text": "a"}\n',
    '{"prompt": "a", "chosen": "b", "rejected": "c"}\n'
    '{"prompt": "a", "completion": "b", "label": true}\n',
    '{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}], "tools": []}\n',
)
_CARDS = (
    "---\nconfigs:\n- config_name: default\n  default: true\n  data_files:\n"
    "  - split: train\n    path: data/train-*\n  - split: test\n    path: ['*.jsonl']\n---\n",
    "---\nconfigs:\n- config_name: a\n  data_dir: a/b\n---\n", "---\nlicense: mit\n---\n",
)  # fmt: skip
READERS: Mapping[str, Reader] = {
    "lock": Reader(_lock, _of("*.lock")),
    "intent": Reader(_intent, _of("intents/*", "*.toml")),
    "events": Reader(_file("events.jsonl", _events), _of("events/*", "run/events.jsonl")),
    "receipt": Reader(_file("receipt.json", _receipt), _of("run/receipt.json", "records/receipt*")),
    "done": Reader(_file("stages/01-train/done.json", _done), _of("run/*.done.json")),
    "machine": Reader(_file("machine.json", _machine), _of("run/machine.json")),
    "rehearsal": Reader(_file("rehearsal.json", _rehearsal), _of("run/rehearsal.json")),
    "locations": Reader(_locations, _texts('train = "x"\nmodel = "~/y"\n', 'test = "/z"')),
    "config": Reader(_file("config.json", _config), _of("base/config.json")),
    "header": Reader(_file("model.safetensors", _header), _headers),
    "index": Reader(
        _index, _texts('{"metadata": {}, "weight_map": {"a": "model-00001-of-00001.safetensors"}}')
    ),
    "tokenizer-config": Reader(
        _tokenizer_config,
        _texts(
            '{"chat_template": "{{ messages }}", "eos_token": {"content": "b"}, "pad_token": "a"}'
        ),
    ),
    "template": Reader(_template, _of("base/chat_template.jinja")),
    "jsonl": Reader(
        _file("x.jsonl", _rows), lambda demo: [*_of(*_ROWS)(demo), *_texts(*_FORMATS)(demo)]
    ),
    "json": Reader(_file("x.json", _rows), _texts('[{"prompt": "a", "completion": "b"}]', "[]")),
    "csv": Reader(_file("x.csv", _rows), _texts('prompt,completion\na,"b\n""c"""\n', "text\nx\n")),
    "card": Reader(_card, _texts(*_CARDS)),
    "card-inside": Reader(_card_inside, _texts(*_CARDS)),
    "reference": Reader(_reference, _texts("hf:a/b@main:c:d", "hf:a/b", "hf:a/b::train")),
}
"""Every reader by its name on the command line."""
