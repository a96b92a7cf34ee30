"""`check` promises what `run` keeps: what the one says, the other does, before any training."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockfiles import text
from planner.plan.integrity import integrity
from tests.journeys.demo_folder import small, tunelock
from tests.lockfiles.samples import add_push
from tests.trust.hostile_models import plant

pytest.importorskip("gguf")

Tables = dict[str, Any]
RUN = ("run", "--foreground", "--runs", "runs")


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = small(tmp_path_factory.mktemp("planned") / "demo", train__epochs=1)
    done = tunelock(made, "plan")
    assert done.returncode == 0, done.stderr
    return made


def stage(tables: Tables, name: str) -> Tables:
    """Return the settings of a stage."""
    found: Tables = next(one["settings"] for one in tables["stage"] if one["id"] == name)
    return found


def pushing(tables: Tables, folder: Path) -> None:
    add_push(tables, "a/b")


def level(tables: Tables, folder: Path) -> None:
    stage(tables, "gguf")["levels"] = ["q9"]


def no_held_out_rows(tables: Tables, folder: Path) -> None:
    stage(tables, "evaluate")["rows"] = "train"


def other_package(tables: Tables, folder: Path) -> None:
    tables["packages"]["torch"] = "1.0.0"


def memory(tables: Tables, folder: Path) -> None:
    found = tables["prediction"]
    found["components"]["process"] += (1 << 49) - found["peak_bytes"]
    found["peak_bytes"] = 1 << 49


def little_memory(tables: Tables, folder: Path) -> None:
    found = tables["prediction"]
    found["components"]["process"] -= found["peak_bytes"] // 2
    found["peak_bytes"] -= found["peak_bytes"] // 2


def little_memory_by_another(tables: Tables, folder: Path) -> None:
    found = tables["prediction"]
    less = found["peak_bytes"] * 7 // 10  # below the least of a process
    found["components"]["process"] -= less
    found["peak_bytes"] -= less
    tables["prediction"]["estimator"] = "closed-form-99"


def disk(tables: Tables, folder: Path) -> None:
    tables["prediction"]["disk_bytes"] = 1 << 49


def card(tables: Tables, folder: Path) -> None:
    tables["machine"] |= {
        "kind": "cuda", "accelerator": "NVIDIA L4", "capability": "8.9", "count": 1,
    }  # fmt: skip
    tables["prediction"].pop("process_origin", None)


def family(tables: Tables, folder: Path) -> None:
    tables["model"]["family"] = "qwen2"


def hidden(tables: Tables, folder: Path) -> None:
    tables["model"]["architecture"]["intermediate"] = 511


def parameters(tables: Tables, folder: Path) -> None:
    tables["model"]["parameters"] += 1


def end_ids(tables: Tables, folder: Path) -> None:
    tables["template"]["end_ids"] = [2, 3]


def pad_id(tables: Tables, folder: Path) -> None:
    tables["template"]["pad_id"] = 5


def tokens(tables: Tables, folder: Path) -> None:
    tables["stream"]["tokens"] += 1


def scored(tables: Tables, folder: Path) -> None:
    tables["stream"]["scored_tokens"] -= 1


def row_format(tables: Tables, folder: Path) -> None:
    for part in tables["data"]:
        part["format"] = "sharegpt"


def order(tables: Tables, folder: Path) -> None:
    tables["stream"]["order_sha256"] = ["0" * 64]


def weights(tables: Tables, folder: Path) -> None:
    path = folder / "base" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def longer(tables: Tables, folder: Path) -> None:
    os.truncate(folder / "base" / "model.safetensors", 1 << 40)


def link(tables: Tables, folder: Path) -> None:
    path = folder / "base" / "tokenizer.json"
    path.rename(folder / "tokenizer.json")
    path.symlink_to(folder / "tokenizer.json")


def no_weights(tables: Tables, folder: Path) -> None:
    files = tables["model"]["files"]
    tables["model"]["files"] = [one for one in files if one["name"] != "model.safetensors"]


def relisted(tables: Tables, folder: Path, **fields: object) -> None:
    """Change the model's configuration, and list it as it is."""
    path = folder / "base" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    for one in tables["model"]["files"]:
        if one["name"] == "config.json":
            one["size_bytes"] = path.stat().st_size
            one["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()


def activation(tables: Tables, folder: Path) -> None:
    relisted(tables, folder, hidden_act="gelu")


def rope(tables: Tables, folder: Path) -> None:
    relisted(tables, folder, rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4})


def quantized(tables: Tables, folder: Path) -> None:
    relisted(tables, folder, quantization_config={"quant_method": "awq"})


def row(tables: Tables, folder: Path) -> None:
    path = folder / "rows" / "test.jsonl"
    path.write_text("".join(path.read_text("utf-8").splitlines(True)[1:]), "utf-8")


Spoil = Callable[[Tables, Path], None]
QUICK: tuple[tuple[Spoil, int], ...] = (
    (level, 2), (activation, 2), (hidden, 5), (end_ids, 5),
)  # fmt: skip
SLOW: tuple[tuple[Spoil, int], ...] = (
    (other_package, 4), (weights, 5), (no_held_out_rows, 2), (memory, 4), (little_memory, 5),
    (little_memory_by_another, 5),
    (disk, 4), (card, 4), (family, 5), (parameters, 5), (pad_id, 5), (tokens, 5), (scored, 5),
    (row_format, 5), (order, 5), (longer, 5), (link, 2),
    (no_weights, 5), (rope, 2), (quantized, 2), (row, 5),
)  # fmt: skip


def agree(planned: Path, tmp_path: Path, spoil: Spoil, code: int) -> None:
    """Spoil a lock or its files, and compare what both commands make of it."""
    folder = Path(shutil.copytree(planned, tmp_path / "copy"))
    tables = text.parse((folder / "run.lock").read_text("utf-8"), name="run.lock")
    spoil(tables, folder)
    tables["integrity"] = integrity(tables)
    (folder / "run.lock").write_text(text.write(tables), "utf-8")
    checked, ran = tunelock(folder, "check"), tunelock(folder, *RUN)
    said = f"{checked.stderr}\n{ran.stderr[-2000:]}"
    assert (checked.returncode, ran.returncode) == (code, code), said
    for done in (checked, ran):
        assert "Traceback" not in done.stderr
        assert done.stderr.count("\nerror: ") + done.stderr.startswith("error: ") == 1, said
        assert "\nhint: " in done.stderr
    assert not list(folder.glob("runs/*/stages/02-train*"))
    assert first_error(checked.stderr) == first_error(ran.stderr)


def first_error(said: str) -> str:
    """Return the sentence of an error, without the numbers that were measured."""
    line = next(line for line in said.splitlines() if line.startswith("error: "))
    return re.sub(r"[0-9.,]+", "", line.partition(":")[2].partition("; ~")[0])


@pytest.mark.parametrize(("spoil", "code"), QUICK)
def test_what_check_refuses_is_what_run_refuses(
    planned: Path, tmp_path: Path, spoil: Spoil, code: int
) -> None:
    agree(planned, tmp_path, spoil, code)


@pytest.mark.slow
@pytest.mark.parametrize(("spoil", "code"), SLOW)
def test_what_check_refuses_is_what_run_refuses_in_every_other_case(
    planned: Path, tmp_path: Path, spoil: Spoil, code: int
) -> None:
    agree(planned, tmp_path, spoil, code)


def test_a_push_is_named_and_asked_about_where_it_is_allowed(planned: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(planned, tmp_path / "copy"))
    tables = text.parse((folder / "run.lock").read_text("utf-8"), name="run.lock")
    pushing(tables, folder)
    tables["integrity"] = integrity(tables)
    (folder / "run.lock").write_text(text.write(tables), "utf-8")
    named = tunelock(folder, "check")
    assert named.returncode == 0, named.stderr
    assert "`tunelock run` needs `--allow a/b`" in named.stderr
    assert tunelock(folder, *RUN).returncode == 2
    other = ("--allow", "a/c")
    assert tunelock(folder, "check", *other).returncode == 2
    assert tunelock(folder, *RUN, *other).returncode == 2


def test_planted_files_change_nothing_that_check_says(planned: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(planned, tmp_path / "copy"))
    (tmp_path / "secret").write_text("private")
    plant(folder / "base", tmp_path / "secret")
    assert tunelock(folder, "check").returncode == 0
