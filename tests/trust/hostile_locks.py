"""Twenty locks, models and run folders of strangers, each with one trick.

A trick that works opens, writes or starts something that is no input of the lock: each leads to
`outside/`, which nothing may touch.
"""

import json
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles import digest
from lockfiles import lock as locks
from runner.supervisor.supervise import run_folder
from tests.fuzz.bases import Base, text_of


@dataclass(frozen=True)
class Place:
    """Where one trick is played."""

    base: Base
    case: Path
    """The folder of the lock, with the model in `base/` and the rows in `rows/`."""
    outside: Path
    """What no lock names."""

    @property
    def lock(self) -> Path:
        return self.case / "run.lock"

    @property
    def model(self) -> Path:
        return self.case / "base"

    @property
    def run(self) -> Path:
        """The lock's run folder."""
        return run_folder(locks.read(self.lock), self.case / "runs")

    def change(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the lock's tables and recompute its digests."""
        tables = tomllib.loads(self.lock.read_text("utf-8"))
        change(tables)
        self.lock.write_text(text_of(tables), "utf-8")

    def list_files(self, *names: str) -> None:
        """Let the lock list these files of the model as they are."""

        def listed(tables: dict[str, Any]) -> None:
            files = [one for one in tables["model"]["files"] if one["name"] not in names]
            tables["model"]["files"] = sorted(
                [*files, *(_fact(self.model / name) for name in names)], key=lambda one: one["name"]
            )

        self.change(listed)

    def evil(self, name: str, text: str) -> Path:
        """Write a file outside, and return it."""
        path = self.outside / name
        path.write_text(text, "utf-8")
        return path


Trick = Callable[[Place], object]
MARK = "import pathlib; pathlib.Path({path!r}).touch()\n"


def made(base: Base, folder: Path, trick: Trick) -> Place:
    """Write a copy of the demo with one trick in it."""
    place = Place(base, folder / "case", folder / "outside")
    demo = base.places["model"].parent
    for name in ("base", "rows"):
        shutil.copytree(demo / name, place.case / name)
    place.outside.mkdir()
    place.evil("private.txt", "a secret\n")
    place.lock.write_text(base.text, "utf-8")
    paths = {name: path.relative_to(demo) for name, path in base.places.items()}
    text = "".join(f'{name} = "{path}"\n' for name, path in paths.items())
    (place.case / "locations.toml").write_text(text, "utf-8")
    trick(place)
    return place


def _fact(path: Path) -> dict[str, object]:
    size, sha256 = path.stat().st_size, digest.of_file(path)
    return {"name": path.name, "size_bytes": size, "sha256": sha256}


def _variables(**values: str) -> Trick:
    def trick(place: Place) -> None:
        code = place.evil("sitecustomize.py", MARK.format(path=str(place.outside / "ran")))
        shutil.copyfile(code, place.outside / "torch.py")
        filled = {name: value.format(outside=place.outside) for name, value in values.items()}
        place.change(lambda tables: tables["exactness"].update(environment=filled))

    return trick


def _shards_beside(place: Place) -> None:
    """Name a shard, and put other weights beside it under the name that loads first."""
    whole, shard = place.model / "model.safetensors", "model-00001-of-00001.safetensors"
    start, header = digest.safetensors_header(whole)
    assert start
    weights = {name: shard for name in header if name != "__metadata__"}
    index = {"metadata": {"total_size": whole.stat().st_size}, "weight_map": weights}
    shutil.copyfile(whole, place.model / shard)
    (place.model / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    place.list_files(shard, "model.safetensors.index.json")
    place.change(
        lambda tables: tables["model"].update(
            files=[one for one in tables["model"]["files"] if one["name"] != "model.safetensors"]
        )
    )


def _unlisted(name: str, content: bytes) -> Trick:
    """Put a file beside the listed ones."""
    return lambda place: (place.model / name).write_bytes(content)


def _link_in_model(name: str) -> Trick:
    """Let an unlisted name lead to a private file."""
    return lambda place: (place.model / name).symlink_to(place.outside / "private.txt")


def _link_in_run(name: str, *, folder: bool = False) -> Trick:
    """Let a name of the run folder lead outside."""

    def trick(place: Place) -> None:
        target = place.outside / ("folder" if folder else "private.txt")
        if folder:
            target.mkdir()
        link = place.run / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    return trick


def _run_is_link(place: Place) -> None:
    (place.outside / "folder").mkdir()
    place.run.parent.mkdir(parents=True, exist_ok=True)
    place.run.symlink_to(place.outside / "folder")


def _remote_code(place: Place) -> None:
    """Let the model's own configuration name code beside it."""
    ran = MARK.format(path=str(place.outside / "ran"))
    (place.model / "modeling_evil.py").write_text(f"{ran}class Evil: pass\n", "utf-8")
    config = json.loads((place.model / "config.json").read_text("utf-8"))
    config["auto_map"] = {
        name: "modeling_evil.Evil" for name in ("AutoConfig", "AutoModelForCausalLM")
    }
    (place.model / "config.json").write_text(json.dumps(config), "utf-8")
    place.list_files("config.json", "modeling_evil.py")


def _done_elsewhere(place: Place) -> None:
    """Let a stranger's run folder say that `prepare` is done, with a model of his."""
    shutil.copytree(place.model, place.outside / "model")
    done = place.run / "stages" / "01-prepare" / "done.json"
    done.parent.mkdir(parents=True)
    digest_of = locks.read(place.lock).integrity["prepare"]
    told = {"digest": digest_of, "model": str(place.outside / "model"), "rows": {"train": 1}}
    done.write_text(json.dumps(told), "utf-8")


def _pickled_checkpoint(place: Place) -> None:
    """Leave a half-trained stage whose checkpoint runs code when it is unpickled."""
    ran = str(place.outside / "ran").encode()
    pickle = b"cos\nsystem\n(S'touch " + ran + b"'\ntR."
    partial = place.run / "stages" / "02-train.partial"
    checkpoint = partial / "checkpoint-3"
    checkpoint.mkdir(parents=True)
    lock = locks.read(place.lock)
    (partial / "begun.json").write_text(json.dumps({"digest": lock.integrity["train"]}), "utf-8")
    state = {"global_step": 3, "epoch": 1.0, "max_steps": 18, "log_history": []}
    (checkpoint / "trainer_state.json").write_text(json.dumps(state), "utf-8")
    names = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "whole")
    for name in (*names, "whole.json", "adapter_model.bin"):
        (checkpoint / name).write_bytes(pickle)


def _template(text: str) -> Trick:
    def trick(place: Place) -> None:
        (place.model / "chat_template.jinja").write_text(text, "utf-8")
        place.list_files("chat_template.jinja")

    return trick


def _rows_outside(place: Place) -> None:
    """Let the rows of a stranger's folder be a link to a private file."""
    rows = place.case / "rows" / "train.jsonl"
    shutil.move(rows, place.outside / "train.jsonl")
    rows.symlink_to(place.outside / "private.txt")


def _module_beside(place: Place) -> None:
    """Lay modules of the libraries' names beside the lock, where the person stands."""
    for name in ("torch", "json", "sitecustomize", "transformers", "runner"):
        code = MARK.format(path=str(place.outside / "ran"))
        (place.case / f"{name}.py").write_text(code, "utf-8")


TRICKS: Mapping[str, Trick] = {
    "warnings that open a browser": _variables(
        PYTHONWARNINGS="error::antigravity.Flying", BROWSER="touch {outside}/ran %s"
    ),
    "code by PYTHONPATH": _variables(PYTHONPATH="{outside}"),
    "a library by LD_PRELOAD": _variables(LD_PRELOAD="{outside}/private.txt"),
    "another Hub": _variables(HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="0"),
    "another cache": _variables(HF_HOME="{outside}", TORCHINDUCTOR_CACHE_DIR="{outside}"),
    "weights beside the shards": _shards_beside,
    "pickled weights": _unlisted("pytorch_model.bin", b"cos\nsystem\n(S'id'\ntR."),
    "an adapter beside": _unlisted("adapter_config.json", b'{"base_model_name_or_path": "x"}'),
    "a private file as a tokenizer": _link_in_model("tokenizer.model"),
    "a private file as special tokens": _link_in_model("special_tokens_map.json"),
    "code in the model": _remote_code,
    "a template that looks around": _template("{{ cycler.__init__.__globals__.os.listdir('/') }}"),
    "rows that are a private file": _rows_outside,
    "modules where one stands": _module_beside,
    "the holder is a link": _link_in_run(".inuse"),
    "the log is a link": _link_in_run("log.txt"),
    "the events are a link": _link_in_run("events.jsonl"),
    "the stages are a link": _link_in_run("stages", folder=True),
    "the run is a link": _run_is_link,
    "a partial file is a link": _link_in_run(".run.lock.partial"),
    "a stage done elsewhere": _done_elsewhere,
    "a checkpoint that runs code": _pickled_checkpoint,
}
"""What each does."""
