"""Model folders with a file spoiled, missing, added, or that is no file; planned, then checked."""

import json
import os
import shutil
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import tomli_w

from tests.fuzz import commands, pool
from tests.fuzz.bases import Base, planned_text
from tests.fuzz.hostile import TEXTS, changed, deepened, nodes, words
from tests.fuzz.kinds.judging import together
from tests.fuzz.pool import Meter, Verdict
from tests.fuzz.spoiled import spoiled

COUNT = 500
SHORT = 5
_JSON = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json")
_INDEX = "model.safetensors.index.json"
_TEMPLATES = (
    "{{ messages }}", "{% for m in messages %}{{ m.content }}{% endfor %}", "{{ ''.__class__ }}",
    "{{ lipsum(n=10**8) }}", "{{ 'a' * 10**9 }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}" "{% endfor %}{% endfor %}",
    "{{ 2 ** 10000000 }}", "{{ cycler.__init__.__globals__ }}", "{% if %}",
    "{{ raise_exception('\x1b[2Jno') }}", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "",
    "{{ messages | map(attribute='content') | join | upper }}", "{{ '%0999999999d' % 1 }}",
    "{{ '{:>999999999}'.format(1) }}", "{{ 'a'.ljust(999999999) }}",
    "{{ range(100000) | list | string }}", "{{ strftime_now('%Y' * 1000000) }}",
    "{{ 'x' | center(999999999) }}", "{{ ('a,' * 90000) | wordwrap(1) }}",
)  # fmt: skip


class Kind:
    """The cases of this kind."""

    def __init__(self, home: Path, bases: list[Base], seed: int) -> None:
        self._home, self._base, self._seed = home, bases[0], seed

    def case(self, number: int, place: int) -> Verdict:
        """Return the verdict of one case."""
        random = Random(f"models {self._seed} {number}")
        folder = self._home / str(place)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._base.places["model"], folder / "base", symlinks=True)
        what = random.choice(_SPOILS)(random, folder / "base")
        if random.random() < 0.2:
            with suppress(OSError, ValueError, AttributeError):  # of what was spoiled already
                what = f"{what}; {random.choice(_SPOILS)(random, folder / 'base')}"
        self._write_intent(folder)
        pool.begin(f"model: {what}", b"")
        with Meter() as meter:
            ended = [commands.run(folder, "plan")]
        if (folder / "run.lock").exists():
            with Meter() as meter:
                ended.append(commands.run(folder, "check"))
        ended.append(commands.run(folder, "fit", "base", "--memory", "24"))
        return together(ended, meter, f"model: {what}", b"")

    def _write_intent(self, folder: Path) -> None:
        tables = tomllib.loads(planned_text({}))
        tables["data"] |= {name: str(self._base.places[name]) for name in ("train", "test")}
        (folder / "run.toml").write_text(tomli_w.dumps(tables), "utf-8")


def _tree(random: Random, folder: Path) -> str:
    path = folder / random.choice(_JSON)
    if not path.is_file():
        return "nothing"
    tree = json.loads(path.read_bytes())
    tree, what = changed(random, tree, random.choice([*nodes(tree)]), words(tree))
    text = deepened(json.dumps(tree, default=str))
    path.write_bytes(text.encode("utf-8", "replace"))
    return f"{path.name} {what}"


def _bytes(random: Random, folder: Path) -> str:
    path = random.choice(sorted(one for one in folder.iterdir() if one.is_file()))
    content = path.read_bytes()
    if path.suffix == ".safetensors":  # its header, which is what is read and not only hashed
        head, what = spoiled(random, content[:2000])
        content = head + content[2000:]
    else:
        content, what = spoiled(random, content)
    path.write_bytes(content)
    return f"{path.name} {what}"


def _header(random: Random, folder: Path) -> str:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    tree = json.loads(content[8 : 8 + length])
    tree, what = changed(random, tree, random.choice([*nodes(tree)]), words(tree))
    if random.random() < 0.2:
        name = random.choice([*tree])
        tree[name] = {
            "dtype": "F32",
            "shape": [1] * random.choice([100, 200_000]),
            "data_offsets": [0, 4],
        }
        what = f"{name}: many dimensions"
    made = deepened(json.dumps(tree, default=str)).encode("utf-8", "replace")
    path.write_bytes(len(made).to_bytes(8, "little") + made + content[8 + length :])
    return f"header {what}"


def _sharded(random: Random, folder: Path) -> str:
    names = ["model-00001-of-00001.safetensors", random.choice(TEXTS[:40])]
    (folder / "model.safetensors").rename(folder / names[0])
    header = {"metadata": {"total_size": 1}, "weight_map": {"a": names[0]}}
    tree: Any = header
    if random.random() < 0.8:
        tree, _ = changed(random, header, random.choice([*nodes(header)]), [*names, *TEXTS])
    (folder / _INDEX).write_bytes(
        deepened(json.dumps(tree, default=str)).encode("utf-8", "replace")
    )
    return f"index {tree!r:.80}"


def _special(random: Random, folder: Path) -> str:
    path = random.choice(sorted(folder.iterdir()))
    path.unlink() if path.is_symlink() or not path.is_dir() else shutil.rmtree(path)
    kind = random.choice(["missing", "fifo", "folder", "loop", "zero", "passwd", "tty", "dangling"])
    links = {"loop": path.name, "zero": "/dev/zero", "passwd": "/etc/passwd", "tty": "/dev/tty"}
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.symlink_to(links.get(kind, "nowhere"))
    return f"{path.name} is {kind}"


def _added(random: Random, folder: Path) -> str:
    name = random.choice(
        ["model.safetensors.index.json", "adapter_config.json", "tokenizer.model",
         "modeling_x.py", "pytorch_model.bin", "a\x1b[2J.json", "z\nerror: forged.json",
         "\u202ecod.json", "special_tokens_map.json", "added_tokens.json",
         "model-00002-of-00002.safetensors", "README.md", "x" * 240 + ".json"]
    )  # fmt: skip
    content = random.choice(
        [b"", b"{}", b"---\nlicense: \x1b[2Jmit\n---\n", b"\x80\x04.", b"[" * 50_000]
    )
    if random.random() < 0.3:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(random.choice(["/etc/passwd", "/dev/zero", "config.json"]))
    else:
        (folder / name).write_bytes(content)
    return f"{name[:30]!r} added"


def _template(random: Random, folder: Path) -> str:
    text = random.choice(_TEMPLATES)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    (folder / "chat_template.jinja").write_text(text, "utf-8")
    return f"template {text[:60]!r}"


_SPOILS: tuple[Callable[[Random, Path], str], ...] = (
    _tree, _tree, _tree, _bytes, _bytes, _header, _header, _sharded, _special, _added, _template,
)  # fmt: skip
