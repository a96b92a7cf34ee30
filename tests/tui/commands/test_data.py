"""`tunelock data`: the report, its JSON, a row seen through, and what is refused."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runner.demo import files
from tests import programs
from tests.few import few
from tests.journeys.demo_folder import ENVIRONMENT, command, tunelock
from tests.planner.data.reading.labelled_rows import as_csv, pairs

SAMPLES = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files."""
    made = tmp_path_factory.mktemp("data")
    files.write(made)
    return made


def report(folder: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Return the JSON of a report that ends with an exit code."""
    done = tunelock(folder, "data", *arguments, "--json")
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_good_rows_are_described_in_tokens(folder: Path) -> None:
    found = report(folder, "rows/train.jsonl", "--model", "base")
    assert (found["format"], found["rows"], found["mapping"]) == ("messages", 750, {})
    lengths = found["lengths"]
    assert lengths["unit"] == "tokens" and lengths["rows"] == 750
    assert lengths["minimum"] <= lengths["median"] <= lengths["maximum"] <= 128
    assert [one["id"] for one in found["checks"]] == ["near-duplicates", "too-few", "one-word"]
    assert set(found["checks"][0]) == {"id", "severity", "count", "rows", "said", "fix", "mend"}


def test_planted_faults_are_found_by_their_rows(folder: Path, tmp_path: Path) -> None:
    rows = (folder / "rows" / "train.jsonl").read_text("utf-8").splitlines()
    rows[5] = rows[5].replace('"content": "', '"content": "Ã©t', 1)
    answerless = json.loads(rows[9])
    answerless["messages"][-1]["content"] = " "
    rows[9] = json.dumps(answerless)
    path = tmp_path / "planted.jsonl"
    path.write_text("\n".join(rows), "utf-8")
    found = {one["id"]: one for one in report(tmp_path, path.name)["checks"]}
    assert found["empty"]["rows"] == [9] and found["empty"]["count"] == 1
    assert found["encoding"]["rows"] == [5]


def test_a_classification_is_shown_with_its_labels_and_instruction(tmp_path: Path) -> None:
    long = "a label of many words " * 4
    rows = [(text, long if label == "weather" else label) for text, label in pairs()]
    as_csv(tmp_path / "rows.csv", ("text", "category"), rows, ";")
    as_csv(tmp_path / "test.csv", ("text", "category"), [*rows[:3], ("Is it new?", "new")], ";")
    found = report(tmp_path, "rows.csv", "--held-out", "test.csv")
    assert found["format"] == "classification"
    made = found["classification"]
    assert (made["prompt_column"], made["completion_column"]) == ("text", "category")
    assert made["system"].startswith("Classify the text. Reply with one of these labels")
    assert len(made["labels"]) == 15 and made["labels"][long.strip()] == 10
    by_id = {one["id"]: one for one in found["checks"]}
    assert by_id["labels"]["rows"] == [3] and "one-word" not in by_id
    assert "separated by semicolons" in by_id["delimiter"]["said"]
    page = tunelock(tmp_path, "data", "rows.csv", "--system", "Name the topic.").stdout
    assert "system    Name the topic." in page and "labels    15: " in page
    as_csv(tmp_path / "n.csv", ("text", "label"), [(t, n % 3) for n, (t, _) in enumerate(rows)])
    page = tunelock(tmp_path, "data", "n.csv").stdout
    assert "labels    3 numbers without names: 0 50, 1 50, 2 50\n" in page


def test_several_label_columns_are_asked_about(tmp_path: Path) -> None:
    rows = [(text, label, "ab"[len(text) % 2]) for text, label in pairs()]
    as_csv(tmp_path / "rows.csv", ("text", "category", "sentiment"), rows)
    done = tunelock(tmp_path, "data", "rows.csv")
    assert done.returncode == 2
    assert "`tunelock data` takes `--format classification` and `--completion-column`" in (
        done.stderr
    )
    named = ("--format", "classification", "--completion-column", "sentiment")
    found = report(tmp_path, "rows.csv", *named)
    assert found["classification"]["labels"].keys() == {"a", "b"}


def test_too_few_rows_are_refused_with_exit_code_6(tmp_path: Path) -> None:
    done = tunelock(tmp_path, "data", str(SAMPLES / "clinc150.messages.jsonl"))
    assert done.returncode == 6
    assert done.stdout.splitlines()[1] == "rows      12"
    assert "refused   too-few: " in done.stdout
    assert "should not be used for training in its current state." in done.stderr


def test_columns_are_mapped_by_hand(tmp_path: Path) -> None:
    mapped = ["--prompt-column", "question", "--completion-column", "answer"]
    found = report(tmp_path, str(SAMPLES / "gsm8k.jsonl"), *mapped, code=6)
    assert found["mapping"] == {"prompt": "question", "completion": "answer"}
    done = tunelock(tmp_path, "data", str(SAMPLES / "gsm8k.jsonl"), "--prompt-column", "question")
    assert done.returncode == 2
    assert "hint: give both: `--prompt-column NAME --completion-column NAME`" in done.stderr


def test_the_account_says_what_became_of_each_key(tmp_path: Path) -> None:
    gsm = str(SAMPLES / "gsm8k.jsonl")
    done = tunelock(tmp_path, "data", gsm)
    assert "\nkeys      question as prompt (6), answer as answer (6)\n" in done.stdout
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]
    row = json.dumps({"messages": turns, "notice": "five words of a text", "id": 5})
    (tmp_path / "rows.jsonl").write_text(f"{row}\n" * 3)
    found = report(tmp_path, "rows.jsonl", code=6)
    assert found["keys"] == [
        {"key": "messages[].role", "became": "role", "count": 6},
        {"key": "messages[].content", "became": "text", "count": 6},
        {"key": "messages[].weight", "became": "loss mask", "count": 3},
        {"key": "notice", "became": None, "count": 3},
        {"key": "id", "became": None, "count": 3},
    ]
    unused = {one["severity"]: one["said"] for one in found["checks"] if one["id"] == "unused-keys"}
    assert "`notice` (3)" in unused["warning"] and "`id` (3)" in unused["note"]


def test_speakers_are_mapped_by_hand(tmp_path: Path) -> None:
    turns = [{"role": "caller", "content": "a"}, {"role": "desk", "content": "b"}]
    (tmp_path / "rows.jsonl").write_text(json.dumps({"messages": turns}) + "\n")
    done = tunelock(tmp_path, "data", "rows.jsonl")
    assert done.returncode == 2 and "takes `--role`" in done.stderr
    mapped = ["--role", "caller=user", "--role", "desk=assistant"]
    assert report(tmp_path, "rows.jsonl", *mapped, code=6)["rows"] == 1
    for wrong in ("desk", "desk=boss", "=user"):
        done = tunelock(tmp_path, "data", "rows.jsonl", "--role", wrong)
        assert done.returncode == 2
        assert "`--role` must be names with a role, such as `npc=assistant`." in done.stderr


def test_a_row_is_shown_as_training_sees_it(folder: Path) -> None:
    shown = tunelock(folder, "data", "rows/train.jsonl", "--model", "base", "--row", "3")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("row 3 (train.jsonl, line 4): 48 tokens, 9 of them scored")
    assert "  SCORED │ lost_luggage<|im_end|>" in lines
    found = json.loads(
        tunelock(
            folder, "data", "rows/train.jsonl", "--model", "base", "--row", "3", "--json"
        ).stdout
    )
    said = "".join(token["text"] for token in found["tokens"] if token["scored"])
    assert said == "lost_luggage<|im_end|>"
    assert "".join(token["text"] for token in found["tokens"]) == found["text"]
    assert found["scored_tokens"] == 9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--row", "0"], "add `--model MODEL`, a folder or a Hub id"),
        (["--row", "9999", "--model", "base"], "has no row 9999"),
        (["--model", "nowhere/model"], "hint: "),
    ],
)
def test_what_is_asked_for_wrongly_is_one_error(
    folder: Path, arguments: list[str], said: str
) -> None:
    done = tunelock(folder, "data", "rows/train.jsonl", *arguments)
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_template_that_masks_everything_is_refused(folder: Path, tmp_path: Path) -> None:
    source = (folder / "base" / "chat_template.jinja").read_text("utf-8")
    _with_template(folder, tmp_path, source + "{% generation %}{% endgeneration %}")
    rows = str(folder / "rows" / "train.jsonl")
    found = {one["id"]: one for one in report(tmp_path, rows, "--model", "base", code=6)["checks"]}
    assert found["template"]["severity"] == "refused"
    assert found["template"]["count"] == 750


def _with_template(folder: Path, into: Path, source: str) -> None:
    """Copy the demo's model with another chat template."""
    shutil.copytree(folder / "base", into / "base")
    (into / "base" / "chat_template.jinja").write_text(source, "utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's memory")
@pytest.mark.parametrize(
    ("grown", "causes"),
    [
        # One allocation: the limit of memory is met before any other.
        ("{{ ([n.x * 20000] * 20000) | join }}", ("it takes more than 128 MiB of memory.",)),
        # Copy upon copy: on a machine whose memory is slow, the limit of time is met first.
        (
            "{% for a in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
            ("it takes more than 128 MiB of memory.", "it takes too long."),
        ),
    ],
    ids=["at once", "doubled"],
)
def test_a_template_that_grows_is_one_error_and_takes_no_more_than_two_gigabytes(
    grown: str, causes: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    _with_template(folder, tmp_path, "{% set n = namespace(x='grow') %}" + grown)
    process = subprocess.Popen(
        command("data", str(folder / "rows" / "train.jsonl"), "--model", "base"), env=ENVIRONMENT,
        cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout and process.stderr
        lines, out = process.stderr.read().splitlines(), process.stdout.read()
        # On a busy machine it says how far it is, too.
        said = [line for line in lines if line.startswith(("error: ", "hint: "))]
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert (process.returncode, out, len(said)) == (6, "", 2)
    assert said[0].endswith(causes)
    assert said[1].startswith("hint: in run.toml: [model] template")
    assert used.ru_maxrss * 1024 < 2e9


@pytest.mark.parametrize("more", few([["--model", "base"], []]), ids=["tokens", "rows"])
def test_it_tells_how_far_it_is_and_can_be_interrupted(
    more: list[str], folder: Path, tmp_path: Path
) -> None:
    line = (SAMPLES / "clinc150.messages.jsonl").read_text("utf-8").splitlines()[0] + "\n"
    path, page = tmp_path / "long.jsonl", tmp_path / "page.html"
    path.write_text(line * 300_000, "utf-8")
    # Tests that run in the background ignore interrupts, and so would what they start.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        programs.command("tells_each_second", "data", path, "--html", page, *more), text=True,
        env=ENVIRONMENT, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    signal.signal(signal.SIGINT, ours)
    with process:
        assert process.stdout and process.stderr
        while (told := process.stderr.readline()).startswith("… reading rows"):
            continue  # a busy machine takes more than a second to read the first
        assert re.fullmatch(r"… [\d,]+000 rows\n", told)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().split() == ["interrupted"]
        assert process.stdout.read() == ""
    assert process.returncode == 130 and time.monotonic() - start < 5
    assert list(tmp_path.iterdir()) == [path]


def test_the_report_fits_eighty_columns(tmp_path: Path) -> None:
    main, other = pty.openpty()
    arguments = command("data", str(SAMPLES / "self-instruct.alpaca.jsonl"))
    environment = os.environ | {"COLUMNS": "80"}
    process = subprocess.Popen(arguments, stdout=other, stderr=subprocess.DEVNULL, env=environment)
    os.close(other)
    shown = b""
    while True:
        try:
            more = os.read(main, 65536)
        except OSError:
            break
        shown += more
    process.wait()
    lines = shown.decode().splitlines()
    assert lines and max(map(len, lines)) < 80


def test_unused_keys_of_held_out_rows_are_named(tmp_path: Path) -> None:
    row = '{"prompt": "a", "completion": "b"%s}\n'
    (tmp_path / "train.jsonl").write_text(row % ', "id": 1', "utf-8")
    (tmp_path / "test.jsonl").write_text(row.replace('"a"', '"c"') % ', "id": 1, "lang": "de"')
    found = report(tmp_path, "train.jsonl", "--held-out", "test.jsonl", code=6)
    said = [one["said"] for one in found["checks"] if one["id"] == "unused-keys"]
    assert said == ["Not used: `id` (1).", "`test.jsonl`: Not used: `lang` (1)."]


def test_held_out_rows_that_are_training_rows_are_found(folder: Path, tmp_path: Path) -> None:
    rows = (folder / "rows" / "train.jsonl").read_text("utf-8").splitlines(keepends=True)
    held = (folder / "rows" / "test.jsonl").read_text("utf-8").splitlines(keepends=True)[:20]
    (tmp_path / "test.jsonl").write_text("".join([*held[:7], rows[40], *held[7:]]), "utf-8")
    doubled = [*rows[:30], rows[3], *rows[30:]]
    (tmp_path / "train.jsonl").write_text("".join(doubled), "utf-8")
    found = report(tmp_path, "train.jsonl", "--held-out", "test.jsonl")
    checks = {one["id"]: one for one in found["checks"]}
    assert 7 in checks["leak"]["rows"]
    assert checks["leak"]["said"].startswith("`test.jsonl`: ")
    assert checks["exact-duplicates"]["rows"] == [30]


def test_a_wrong_name_is_told_before_the_rows_are_read(folder: Path) -> None:
    for asked in (["--held-out", "gone.jsonl"], ["--html", "nowhere/page.html"]):
        done = tunelock(folder, "data", "rows/train.jsonl", *asked)
        assert done.returncode == 2 and not done.stdout
        assert asked[1].partition("/")[0] in done.stderr and "Traceback" not in done.stderr


def test_a_preference_is_not_shown_as_if_it_were_trained_on(folder: Path, tmp_path: Path) -> None:
    row = {"prompt": "Why?", "chosen": "So that.", "rejected": "No."}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    base = str(folder / "base")
    done = tunelock(tmp_path, "data", "pairs.jsonl", "--model", base, "--row", "0")
    assert done.returncode == 2 and "which no trainer supports yet" in done.stderr
    ids = {one["id"] for one in report(tmp_path, "pairs.jsonl", "--model", base, code=6)["checks"]}
    assert "no-scored-token" not in ids and "template" not in ids


def test_a_template_that_rewrites_turns_is_checked_by_its_variant(
    folder: Path, tmp_path: Path
) -> None:
    trl = pytest.importorskip("trl")
    base = tmp_path / "base"
    base.mkdir()
    for path in (folder / "base").iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    own = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
    (base / "chat_template.jinja").write_bytes(own.read_bytes())
    said = [{"role": role, "content": f"{role} says so"} for role in ("user", "assistant")] * 2
    rows = "".join(json.dumps({"messages": said}) + "\n" for _ in range(120))
    (tmp_path / "rows.jsonl").write_text(rows, "utf-8")
    checks = report(tmp_path, "rows.jsonl", "--model", "base")["checks"]
    assert "template" not in {one["id"] for one in checks}
