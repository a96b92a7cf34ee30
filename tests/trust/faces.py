"""Every face that prints, given one string wherever it reads text; each yields what it showed."""

import contextlib
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from lockfiles import lock as locks
from lockfiles.errors import TunelockError
from lockfiles.fixes import Advice
from lockfiles.lock import TrainingLock
from planner.data.checks.finding import Finding
from planner.data.checks.plots import Bar
from planner.data.tokens.xray import Piece, Token, XRay
from planner.machines.facts import Gpu, MachineFacts
from runner.runs.events import KINDS
from runner.runs.pipe import Line
from runner.stages import report
from runner.stages.context import Context
from tests.lockfiles.samples import LOCK
from tests.planned import GIB
from tests.runner.stages.test_report import REPORTS
from tests.trust.captured import html_text, shown, spoiled, written
from tests.trust.hostile import UNEXPECTED
from tests.tui.text.test_data_html import REPORT
from tui.session.panels import goal, machine, review
from tui.terminal import output
from tui.text import data, data_html, hardware, plan
from tui.text import row as xray_page
from tui.text.findings import table

Shown = Iterator[tuple[str, str]]
"""The name of a face, and what it showed."""
Face = Callable[[str, Path], Shown]


def _own_errors(text: str, folder: Path) -> Shown:
    def problem() -> None:
        raise TunelockError(text, fix=Advice(text), details=[text])

    def system() -> None:
        raise OSError(28, text, text)

    def fault() -> None:
        raise ValueError(text)

    def ended() -> None:
        raise SystemExit(text)

    def libraries() -> None:
        warnings.warn(f"a{text}", stacklevel=1)
        log = logging.getLogger("a library")
        handler = logging.StreamHandler()
        log.addHandler(handler)
        log.warning("a%s", text)
        try:
            raise ValueError(text)
        except ValueError:
            log.exception("b")
        log.removeHandler(handler)

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        for raises in (problem, system, fault, ended, libraries):
            told = written(raises)
            assert (UNEXPECTED in told) == (raises is fault)
            yield f"{raises.__name__} in output", told.replace(UNEXPECTED, "")


def _arguments(text: str, folder: Path) -> Shown:
    text = text.replace("\0", "")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:  # no program can be given it
        return
    for arguments in (
        [text], [f"--{text}"], ["run", f"--{text}"], ["run", text], ["plan", text], ["check", text],
        ["diff", text, "b"], ["status", text], ["watch", text], ["stop", text], ["fit", text],
        ["fit", "base", "--gpu", text], ["fit", "base", "--rank", text], ["data", text],
        ["export", text], ["export", "base", "--gguf", text], ["rehearse", text],
        ["check", "x", "--locate", text], ["check", "x", "--locate", f"{text}=y"],
        ["plan", "--machine", text], ["plan", "--out", f"{text}/x"], ["data", f"hf:{text}"],
    ):  # fmt: skip
        verb = arguments[0] if text not in arguments[0] else "tunelock"
        yield f"{verb} with arguments", shown(*arguments)


def _lock(text: str, folder: Path) -> Shown:
    lock = cast(TrainingLock, spoiled(LOCK, text))
    other = cast(TrainingLock, spoiled(LOCK, f"{text}2"))
    yield "plan", written(lambda: output.lines(plan.page(lock)))
    yield "plan, what changes", written(lambda: output.notes(plan.changes(lock, other)))
    yield "plan --json", written(lambda: output.data_json(lock.model_dump()))
    values: dict[str, object] = {"data.train": text, "model.source": text}
    yield (
        "wizard's review",
        review.render(lock, values, stale_steps=[text], answer_lines=[text], answers_file="x.toml"),
    )
    yield "wizard's start", review.start(lock, 1)
    changed: dict[str, dict[str, object]] = {
        "decision": {"reasons": [text], "against": [text], "overridden": text},
        "model": {"license": text, "family": text, "dtype": text, "revision": text},
        "machine": {"accelerator": text, "capability": text},
        "prediction": {"estimator": text, "phase": text, "components": {text: 1}},
    }
    part: dict[str, object] = {
        name: getattr(LOCK, name).model_copy(update=values) for name, values in changed.items()
    }
    part |= {"why": {text: text, "method.kind": text}, "packages": {text: text}}
    with contextlib.suppress(UnicodeEncodeError):  # halves of pairs cannot stand in a file
        source = locks.write(LOCK.model_copy(update=part))
        (folder / "a.lock").write_text(source, "utf-8", newline="")
        (folder / "b.lock").write_text(locks.write(LOCK), "utf-8")
        (folder / "c.lock").write_text(f"{source}\n[{json.dumps(text)}]\n", "utf-8", newline="")
        yield "diff", shown("diff", "a.lock", "b.lock")
        yield "diff --json", shown("diff", "a.lock", "b.lock", "--json")
        yield "diff, wrong key", shown("diff", "c.lock", "b.lock")
        yield "check", shown("check", "a.lock")
        source = locks.write(LOCK).replace('"intents"', json.dumps(text, ensure_ascii=False))
        (folder / "d.lock").write_text(source, "utf-8", newline="")
        yield "check, wrong name", shown("check", "d.lock")


def _intent(text: str, folder: Path) -> Shown:
    quoted = json.dumps(text)
    for what, line in {
        "value": f"[goal]\nname = {quoted}\n",
        "key": f"[goal]\n{quoted} = 1\n",
        "table": f"[{quoted}]\nx = 1\n",
        "choice": f"[goal]\nname = 'x'\nprompting = {quoted}\n",
        "path": f"[goal]\nname = 'x'\nprompting = 'falls-short'\n[data]\ntrain = {quoted}\n"
        "[model]\nsource = 'base'\n",
        "model": f"[goal]\nname = 'x'\nprompting = 'falls-short'\n[data]\n"
        f"train = 'rows/train.jsonl'\n[model]\nsource = {quoted}\n",
    }.items():
        (folder / "x.toml").write_text(line, "utf-8", newline="")
        yield f"plan, {what} of run.toml", shown("plan", "x.toml", "--dry-run")


def _rows(text: str, folder: Path) -> Shown:
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": f"b{text}"}]
    wrong = [{"role": text, "content": text}]
    kinds: dict[str, list[dict[str, object]]] = {
        "turns": [{"messages": turns}] * 2,
        "role": [{"messages": wrong}],
        "keys": [{text: text, f"{text}2": 1}],
        "columns": [{"prompt": text, "completion": text, text: {text: text}}] * 2,
    }
    for name, rows in kinds.items():
        path = folder / "h.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        yield f"data, {name}", shown("data", "h.jsonl")
        yield f"data --json, {name}", shown("data", "h.jsonl", "--json")
    yield (
        "data, columns by hand",
        shown("data", "h.jsonl", "--prompt-column", text, "--completion-column", text),
    )
    seen = XRay(
        text, (Token(1, text, True, 1), Token(2, f"a{text}", False, 1)),
        (Piece(text, 1, True), Piece(text, 1, False)),
    )  # fmt: skip
    yield "data --row", written(lambda: output.lines(xray_page.page(seen, f"row 0 ({text})")))
    yield "data --row --json", written(lambda: output.data_json(xray_page.record(seen, 0)))
    finding = Finding("empty", "warning", (1,), text, text)
    found = replace(
        REPORT, findings=(finding,), labels=(Bar(text, 3),), unit="tokens",
        mapping={"prompt": text}, formats={"columns": 1},
    )  # fmt: skip
    yield "data, findings", written(lambda: output.lines(data.page(found, text)))
    yield "data --html", html_text(data_html.page(found, text))


def _file_names(text: str, folder: Path) -> Shown:
    name = text.replace("/", "_").replace("\0", "")[:60]
    path = folder / f"{name}.jsonl"
    try:
        path.write_text('{"messages": []}\n{')
    except (OSError, UnicodeEncodeError):
        return
    yield "data, name", shown("data", str(path))
    yield "data --held-out, name", shown("data", "rows/test.jsonl", "--held-out", str(path))
    path.unlink()
    run = folder / "runs" / f"r{name}"
    run.mkdir(parents=True)
    (run / "events.jsonl").write_text("")
    yield "status, name", shown("status", str(run))
    yield "status, found", shown("status")
    yield "watch, name", shown("watch", "--plain", str(run))
    (run / "events.jsonl").unlink()
    run.rmdir()


def events(text: str) -> list[dict[str, object]]:
    """Return one event of each kind, of the run and of a stage, all its texts replaced."""
    told: dict[str, object] = {
        "what": text, "path": text, "text": text, "message": text, "hint": text, "model": text,
        "prompt": text, "answer": text, "wanted": text, "source": text, "unit": text, "done": 1,
        "total": 2, "step": 1, "loss": 0.5, "stages": [text, "train"], text: text,
    }  # fmt: skip
    kinds = ["started", *sorted(KINDS - {"started", "failed"}), "failed"]
    stages = ("run", "train", text)
    order = [(stage, kind) for stage in stages for kind in kinds]
    order += [("run", "failed")]
    return [
        told | {"seq": at, "time": 1.0, "stage": stage, "kind": kind, "exit_code": 1}
        for at, (stage, kind) in enumerate(order)
    ]


def _events(text: str, folder: Path) -> Shown:
    run = folder / "runs" / "a"
    run.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(event) + "\n" for event in events(text)]
    (run / "events.jsonl").write_text("".join(lines), "utf-8")
    yield "status", shown("status", "runs/a")
    yield "status --json", shown("status", "runs/a", "--json")
    yield "watch --plain", shown("watch", "runs/a", "--plain")
    yield "watch --json", shown("watch", "runs/a", "--json")
    (run / "events.jsonl").write_text(json.dumps(text) + "\n")
    yield "status, wrong line", shown("status", "runs/a")
    (run / "events.jsonl").unlink()


def _model(text: str, folder: Path) -> Shown:
    config = folder / "base" / "config.json"
    kept = config.read_bytes()
    try:
        for what, changed in {
            "family": {"architectures": [text], "model_type": text},
            "value": {"hidden_size": text},
            "key": {"quantization_config": {text: text}},
        }.items():
            config.write_text(json.dumps(json.loads(kept) | changed))
            yield f"fit, {what} of config.json", shown("fit", "base", "--memory", "8")
    finally:
        config.write_bytes(kept)
    template = folder / "base" / "chat_template.jinja"
    kept = template.read_bytes()
    try:
        with contextlib.suppress(UnicodeEncodeError):
            template.write_text("{{ raise_exception(" + json.dumps(text) + ") }}", "utf-8")
            row = ("data", "rows/train.jsonl", "--row", "0", "--model", "base")
            yield "data --row, template", shown(*row)
            template.write_text("{% " + text, "utf-8", newline="")
            yield "data --row, broken template", shown(*row)
    finally:
        template.write_bytes(kept)


def _machine(text: str, folder: Path) -> Shown:
    card = Gpu(text, 24 * GIB, 20 * GIB, text)
    facts = MachineFacts("cuda", (card,), 2, GIB, GIB, GIB, text, problem=text, processor=text)
    yield "doctor", written(lambda: output.lines(table(hardware.hardware(12080, facts))))
    yield "wizard's machine", machine.render(facts, saved=True)
    yield "wizard's fits", machine.fits({"lora": text}, text, 1)
    found = asdict(replace(facts, gpus=())) | {"gpus": [asdict(card)]}
    (folder / "m.json").write_text(json.dumps(found), "utf-8")
    yield "plan --machine", shown("plan", "run.toml", "--machine", "m.json", "--dry-run")
    (folder / "m.json").write_text(json.dumps({text: text, "gpus": text}), "utf-8")
    yield "plan --machine, wrong", shown("plan", "run.toml", "--machine", "m.json", "--dry-run")


def _wizard(text: str, folder: Path) -> Shown:
    from planner.interview.decision import decide
    from tests.tui.wizard.samples import answered

    yield "wizard's goal", goal.render(decide(answered().values, 9), counted=False, override=text)
    yield "advice.md", goal.advice(decide(answered().values, 9), text)


def _report(text: str, folder: Path) -> Shown:
    lock = cast(TrainingLock, spoiled(LOCK, text))
    told = cast("dict[str, dict[str, Any]]", spoiled(REPORTS, text))
    told["gguf"]["gguf"] = {text: told["gguf"]["gguf"]["q8_0"]}
    for stage in ("train", "merge", "gguf"):
        told[stage]["artifacts"] = [{"what": text, "path": text, "digest": text, "size": 9}]
    given = _Given(lock, "report", folder, folder, {}, Line(-1), told=told)
    (folder / "run.lock").write_text("x")
    yield "report.html", html_text(report.page(given, report.receipt_of(given)))
    (folder / "run.lock").unlink()


@dataclass(frozen=True)
class _Given(Context):
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    def report(self, stage: str) -> dict[str, Any]:
        return self.told.get(stage, {})


FACES: tuple[Face, ...] = (
    _own_errors, _lock, _rows, _events, _machine, _intent, _file_names, _arguments, _model, _wizard,
    _report,
)  # fmt: skip
