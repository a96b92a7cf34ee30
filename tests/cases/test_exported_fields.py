"""GGUF files have the settings, templates and end tokens of the model."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cases import models, seen, templates
from tests.cases.command import tunelock
from tests.cases.conftest import Model
from tests.cases.exported import exported, field, open_file, read
from tests.cases.planned import planned
from tests.cases.test_exports_planned import rope


@pytest.mark.parametrize("more", [
    {"attention_factor": 1.5}, {"beta_fast": 16, "beta_slow": 2},
    {"mscale": 0.7, "mscale_all_dim": 1.0}, {"truncate": False},
], ids=lambda more: next(iter(more)))  # fmt: skip
def test_each_setting_of_yarn_is_written_or_refused(
    tmp_path: Path, model: Model, more: dict[str, Any]
) -> None:
    """llama.cpp 19152: a setting that changes the positions may not be left out."""
    name = next(iter(more))
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    said = exported(tmp_path, model(f"yarn-{name}", rope(**yarn, **more)))
    if said.code:
        assert name in said.err, said.err
        return
    written = positions(read(tmp_path))
    usual = exported(tmp_path, model("yarn", rope(**yarn)))
    assert usual.code == 0, usual.err
    assert written != positions(read(tmp_path)), written


def positions(reader: Any) -> list[object]:
    """Return what a file has on positions: its fields and its table of frequencies."""
    fields = {name: field(reader, name) for name in reader.fields if ".rope." in name}
    table = [one.data.tolist() for one in reader.tensors if one.name == "rope_freqs.weight"]
    return [fields, table]


def later_end(folder: Path) -> None:
    """Make a folder whose end token is in the map of special tokens alone."""
    models.config("eos_token_id")(folder)
    models.edit("generation_config.json", "eos_token_id")(folder)
    models.tokenizer_config("eos_token", "pad_token")(folder)
    models.edit("special_tokens_map.json", eos_token="<|im_end|>", pad_token="<|pad|>")(folder)


def test_the_end_token_of_the_map_is_written(tmp_path: Path, model: Model) -> None:
    """llama.cpp 5040."""
    said = exported(tmp_path, model("later-end", later_end))
    assert said.code == 0, said.err
    assert field(read(tmp_path), "tokenizer.ggml.eos_token_id") == 2


def test_the_named_templates_are_written(tmp_path: Path, model: Model) -> None:
    """transformers PR 31429: `default` is the file's template, `tool_use` stays beside it."""

    def change(folder: Path) -> None:
        (folder / "chat_template.jinja").unlink()
        listed = [{"name": "default", "template": templates.PLAIN_JINJA},
                  {"name": "tool_use", "template": templates.TOOLS_JINJA}]  # fmt: skip
        models.tokenizer_config(chat_template=listed)(folder)

    said = exported(tmp_path, model("exported-templates", change))
    assert said.code == 0, said.err
    assert field(read(tmp_path), "tokenizer.chat_template") == templates.PLAIN_JINJA


def test_a_token_without_a_row_is_not_exported(tmp_path: Path, model: Model) -> None:
    """LLaMA-Factory 5436, llama.cpp 8445: `added_tokens` beyond the embedding."""

    def change(folder: Path) -> None:
        path = folder / "tokenizer.json"
        found = json.loads(path.read_text("utf-8"))
        found["added_tokens"].append({
            "id": 1030, "content": "<|more|>", "single_word": False, "lstrip": False,
            "rstrip": False, "normalized": False, "special": True,
        })  # fmt: skip
        path.write_text(json.dumps(found, ensure_ascii=False), "utf-8")

    said = exported(tmp_path, model("token-beyond", change))
    assert said.code == 2 and "1030" in said.err, said.text


DONE = "<|done|>"


def other_end(folder: Path) -> None:
    """Make a base that ends at `<|pad|>`, with a template that ends answers at `<|done|>`."""
    for name in ("tokenizer.json", "chat_template.jinja"):
        path = folder / name
        text = (
            path.read_text("utf-8").replace("<|im_end|>", DONE).replace("<|im_start|>", "<|who|>")
        )
        path.write_text(text, "utf-8")
    values = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 256,
              "pad_token": "<|pad|>", "eos_token": "<|pad|>"}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(values), "utf-8")
    models.config(eos_token_id=0)(folder)
    models.edit("generation_config.json", eos_token_id=0)(folder)


# LLaMA-Factory 7454, unsloth 5386: answers of the file run on where the token is not in it.
@pytest.mark.slow
def test_each_artifact_ends_where_training_taught(tmp_path: Path, model: Model) -> None:
    pytest.importorskip("trl")
    said = planned(tmp_path, model("other-end", other_end), "q8_0")
    assert said.code == 0, said.err
    done = tunelock(tmp_path, "run", seen.LOCK, "--foreground", "--runs", "runs")
    assert done.code == 0, done.err
    (merged,) = (tmp_path / "runs").glob("*/stages/*-merge/model")
    (file,) = (tmp_path / "runs").glob("*/stages/*-gguf/*.gguf")
    for name in ("config.json", "generation_config.json"):
        ends = json.loads((merged / name).read_text("utf-8"))["eos_token_id"]
        assert 2 in (ends if isinstance(ends, list) else [ends]), f"{name}: {ends}"
    eos = json.loads((merged / "tokenizer_config.json").read_text("utf-8"))["eos_token"]
    assert (eos["content"] if isinstance(eos, dict) else eos) == DONE
    reader = open_file(file)
    ends = {field(reader, f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot")}
    assert 2 in ends, ends


def test_the_lock_has_the_end_that_training_teaches(tmp_path: Path, model: Model) -> None:
    said = planned(tmp_path, model("other-end", other_end), "q8_0")
    assert said.code == 0, said.err
    assert "end_ids = [\n    0,\n    2,\n]" in (tmp_path / seen.LOCK).read_text("utf-8")
