"""A shared folder keeps every file that its chat templates and special tokens are read from."""

import json
import shutil
from pathlib import Path

from planner.data.tokens import lookup
from planner.data.tokens.template import load_template
from runner.demo import files
from runner.export.clean import with_tokenizer


def test_the_template_of_a_shared_folder_is_that_of_its_base(tmp_path: Path) -> None:
    base, shared = tmp_path / "base", tmp_path / "shared"
    shutil.copytree(Path(files.__file__).parent / "base", base)
    shared.mkdir()
    (base / lookup.SPECIAL_MAP).write_text(json.dumps({"bos_token": "<|im_start|>"}))
    (base / lookup.ADDED).write_text("{}")
    (base / lookup.PROCESSOR).write_text(json.dumps({"chat_template": "a"}))
    (base / "additional_chat_templates").mkdir()
    (base / "additional_chat_templates" / "tool_use.jinja").write_text("{{ tools }}")
    with_tokenizer(shared, base, None)
    assert len(lookup.template_files(base)) == 6
    assert lookup.template_files(shared) == lookup.template_files(base)
    ours, theirs = load_template(shared), load_template(base)
    assert ours.sha256 == theirs.sha256 and ours.special_tokens == theirs.special_tokens
