"""Fixes as a command line shows them, and what every raise site of the program gives."""

import ast
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lockfiles import fixes
from lockfiles.errors import UsageProblem, naming
from lockfiles.fixes import (
    PLAN_AGAIN,
    Advice,
    Answer,
    Answers,
    Change,
    Command,
    Fix,
    Option,
    Steps,
)
from planner.interview.questions import BY_KEY
from planner.questions.question import normal

_ROOT = Path(__file__).parents[2]
_FLOORS = ("lockfiles", "planner", "runner", "tui")
_KINDS = ("Command", "Option", "Answer", "Change", "Key")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([], ""),
        ([Answer("train.max_length", 512)], "in run.toml: [train] max_length = 512"),
        ([Answer("results.gguf", ())], "in run.toml: [results] gguf = []"),
        ([Answer("results.gguf", ("q8_0",))], 'in run.toml: [results] gguf = ["q8_0"]'),
        ([Answer("train.exact", False)], "in run.toml: [train] exact = false"),
        ([Answer("data.system", 'a "b"')], r'in run.toml: [data] system = "a \"b\""'),
        ([Answer("train.exact", True, file="my.toml")], "in my.toml: [train] exact = true"),
        (
            [Change("train.epochs", "a smaller number")],
            "in run.toml: [train] epochs = … (a smaller number)",
        ),
        (
            [Answers((Answer("data.format", "columns"), Change("data.prompt_column")))],
            'in run.toml: [data] format = "columns", prompt_column = …',
        ),
        ([Command("ls -l {}", "a b")], "ls -l 'a b'"),
        ([Command("ls {}", "x", to="keep one kind")], "keep one kind: ls x"),
        ([Command("free -h", note="less is needed")], "`free -h` (less is needed)"),
        ([Option("--allow {}", "me/it")], "add `--allow me/it`"),
        ([Option("--trace", to="leave out")], "leave out `--trace`"),
        (
            [Advice("put it back"), Command("tunelock plan")],
            "put it back, or `tunelock plan`",
        ),
        (
            [Steps((Answer("results.gguf", ()), PLAN_AGAIN))],
            "in run.toml: [results] gguf = [], then plan again: `tunelock plan run.toml`",
        ),
    ],
)
def test_a_command_line_shows_it(given: Sequence[Fix], wanted: str) -> None:
    assert fixes.text(given) == wanted


@pytest.mark.parametrize("name", ["$(touch x)", "a; b", "two words", "-n", "`x`", "a{}b", "it's"])
def test_a_name_is_one_word_of_the_shell(name: str) -> None:
    assert shlex.split(Command("cat -- {} {}", name, "b").line) == ["cat", "--", name, "b"]


def test_an_error_that_moves_names_the_other_folder_everywhere() -> None:
    problem = UsageProblem("`/a/x` is gone.", fix=(Command("ls {}", Path("/a/x")), Advice("/a/y")))
    problem.relocate(Path("/a"), Path("/b"))
    assert (problem.message, problem.hint) == ("`/b/x` is gone.", "`ls /b/x`, or /b/y")


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for floor in _FLOORS:
        for path in sorted((_ROOT / floor).rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            if "from lockfiles.fixes import" not in source:
                continue
            for node in ast.walk(ast.parse(source)):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                if isinstance(node.func, ast.Name) and node.func.id in _KINDS:
                    yield f"{path.relative_to(_ROOT)}:{node.lineno}", node


def test_no_command_of_the_program_is_made_from_a_value() -> None:
    made = [(at, call) for at, call in _calls() if _name(call) in ("Command", "Option")]
    assert len(made) > 50
    empty = [at for at, call in made if getattr(call.args[0], "value", None) == ""]
    assert empty == []
    from_values = [at for at, call in made if _has_value(call.args[0])]
    assert from_values == []


def test_every_key_that_the_program_names_is_a_question_that_takes_the_value() -> None:
    named = 0
    for at, call in _calls():
        key = call.args[0]
        if _name(call) in ("Command", "Option") or not isinstance(key, ast.Constant):
            continue
        named += 1
        question = BY_KEY.get(str(key.value))
        assert question, at
        if _name(call) == "Answer" and isinstance(value := _literal(call.args[1]), str | int):
            normal(question, value)
    assert named > 30


def _name(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Name)
    return call.func.id


def _has_value(template: ast.expr) -> bool:
    """Return whether a template is more than texts of ours and other templates of ours."""
    return any(
        isinstance(part, ast.FormattedValue) and ast.unparse(part.value) != "shown.template"
        for part in ast.walk(template)
    )


def _literal(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def test_fixes_name_the_file_that_was_planned() -> None:
    asked = (
        Answer("train.epochs", 3),
        Change("data.train"),
        Steps((Answer("train.epochs", 3), PLAN_AGAIN)),
        Advice("change `run.toml`"),
        Command("ls {}", "run.toml"),
    )
    assert fixes.text(fixes.in_files(asked, {fixes.INTENT: "four.toml"})) == (
        "in four.toml: [train] epochs = 3, or in four.toml: [data] train = …, or "
        "in four.toml: [train] epochs = 3, then plan again: `tunelock plan four.toml`, or "
        "change `four.toml`, or `ls run.toml`"
    )


def test_fixes_name_the_lock_that_was_given_and_the_files_next_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "my jobs"
    folder.mkdir()
    lock = folder / "small.lock"
    given = (
        Command("srun --ntasks={} tunelock run run.lock --fresh", "2"),
        Command("tunelock plan run.toml --facts rehearsal.json"),
        Steps((Change("train.epochs"), PLAN_AGAIN)),
        Command("ls {}", "run.lock"),
    )
    commands = (
        ["srun", "--ntasks=2", "tunelock", "run", str(lock), "--fresh"],
        ["tunelock", "plan", str(folder / "small.toml"), "--facts", str(folder / "rehearsal.json")],
        ["tunelock", "plan", str(folder / "small.toml")],
        ["ls", "run.lock"],
    )
    with pytest.raises(UsageProblem) as caught, naming(lock):
        raise UsageProblem("Something is wrong.", fix=given)
    named = caught.value.fix
    shown = (named[0], named[1], named[2].parts[1], named[3])  # type: ignore[union-attr]
    assert tuple(shlex.split(one.line) for one in shown) == commands  # type: ignore[union-attr]
    lock.touch()
    assert fixes.beside(lock)[fixes.INTENT] == "run.toml"
    (folder / "run.toml").touch()
    assert fixes.beside(lock)[fixes.INTENT] == str(folder / "run.toml")
    (folder / "small.toml").touch()
    assert fixes.beside(lock)[fixes.INTENT] == str(folder / "small.toml")


def test_default_names_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageProblem) as caught, naming(Path("run.lock")):
        raise UsageProblem(
            "Something is wrong.", fix=(PLAN_AGAIN, Command("tunelock run run.lock"))
        )
    assert caught.value.fix == (PLAN_AGAIN, Command("tunelock run run.lock"))
