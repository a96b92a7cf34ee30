"""The facts beside the steps, as text."""

import re
from dataclasses import replace
from pathlib import Path

from planner.interview.answers import check
from planner.interview.decision import decide
from planner.machines import saved
from planner.machines.facts import Gpu, Holder, MachineFacts
from planner.search.choose import choose
from tests.planner.memory.test_memory import MODELS
from tests.tui.wizard.samples import against, answered, facts
from tui.session.children.report import look
from tui.session.draft import answer, fresh, going, passing
from tui.session.pages import step
from tui.session.pages.page import Action
from tui.session.panels import data, goal, machine, method, model
from tui.session.request import data_request

_GPU = Gpu("NVIDIA RTX 4090", 24 << 30, 23 << 30, "8.9")


def test_a_verdict_against_comes_first_and_says_how_to_go_on() -> None:
    text = goal.render(against(), counted=True, override="")
    assert text.startswith("Verdict: do not fine-tune")
    assert "give a reason in the last question" in text
    assert "+ 40 examples are too few: at least 100 are needed." in text
    assert "You continue because: to learn" in goal.render(
        against(), counted=True, override="to learn"
    )


def test_a_verdict_for_names_cost_time_and_upkeep_and_what_is_assumed() -> None:
    text = goal.render(decide(answered().values, 500), counted=False, override="")
    assert text.startswith("Verdict: fine-tune.")
    assert "Cost high · ready in hours to days · maintenance high (retraining)" in text
    assert "Assumes 500 examples" in text


def test_advice_is_a_file_that_stands_alone() -> None:
    text = goal.advice(against(), "support-bot")
    assert text.startswith("# support-bot: do not fine-tune; use prompt engineering\n")
    assert "- 40 examples are too few: at least 100 are needed." in text


def test_data_shows_the_files_and_the_findings_with_symbol_word_and_count(tmp_path: Path) -> None:
    values, read = answered(data__validation="none.jsonl").values, facts(tmp_path)
    told: list[object] = []
    found = look(data_request(values, read.folder), told.append)
    text = data.render(values, found, 0)
    assert "train       750 rows · format messages\nlengths     28 to 76 tokens, median" in text
    assert "validation  `" in text and "none.jsonl` is not a file. Hint: ls" in text
    assert "test        450 rows · format messages" in text
    assert "! warning  near-duplicates       7 rows\n  7 of 750 rows nearly repeat" in text
    assert "\n  Fix: remove those rows, keeping" in text
    assert "! warning  leak                  1 row\n  `rows/test.jsonl`: 1 of 450" in text
    assert text.index("! warning") < text.index("· note")
    assert text.endswith("  assistant: lost_luggage")
    assert data.tally(found.findings) == "2 warnings, 2 notes"


def test_data_says_how_far_it_is_while_it_looks() -> None:
    text = data.render(answered().values, None, 12_000)
    assert "train       rows/train.jsonl" in text
    assert "reading     12,000 rows so far ..." in text
    assert "looking" not in data.render(fresh().values, None, 0)


def test_model_shows_parameters_context_and_template(tmp_path: Path) -> None:
    found = facts(tmp_path).model(answered().values)
    text = model.render(found, "")
    assert f"{found.parameters:,}" in text
    assert "llama" in text and "Template    present" in text
    assert "no template" in model.render(found, "no template")


def test_machine_shows_each_card() -> None:
    found = MachineFacts("cuda", (_GPU,), 8, 64 << 30, 51 << 30, 412 << 30, "570.1")
    text = machine.render(found, saved=False)
    assert "GPU 0  NVIDIA RTX 4090  24.0 GiB  23.0 GiB free  cc 8.9" in text
    assert "RAM 64.0 GiB (51.0 GiB free)" in text
    assert "machine in the file" in machine.render(found, saved=True)


def test_machine_shows_who_holds_a_card_and_why_there_is_none() -> None:
    busy = Gpu("NVIDIA RTX 4090", 24 << 30, 4 << 30, "8.9", (Holder(4711, "python", 20 << 30),))
    found = MachineFacts("cuda", (busy,), 8, 64 << 30, 51 << 30, 412 << 30, "570.1")
    text = machine.render(found, saved=False)
    assert "\n  20.0 of 24.0 GiB are in use by process 4711 (python)\n" in text
    none = MachineFacts("cpu", (), 8, 64 << 30, 51 << 30, 412 << 30, "", problem="Asleep: wake it.")
    assert "\nAsleep: wake it.\n" in machine.render(none, saved=False)


def test_method_shows_how_fast_it_trains_where_that_is_known() -> None:
    h100 = saved.load(Path(__file__).parents[2] / "planner" / "machines" / "h100.json")
    asked = answered(method__kind="lora", machine__device="auto").values
    found = [
        choose(check(asked, {}), MODELS["qwen2.5-0.5b"], rows=100, longest=512, machine=one)
        for one in (h100, replace(h100, kind="cpu", gpus=()))
    ]
    there, without = map(method.render, found)
    assert re.search(r"\nSpeed ~[\d,]+ tokens/s \(\d+% of the card's bf16 rate\)\nMemory ", there)
    assert "tokens/s" not in without
    fits = machine.fits({"lora": found[0], "full": "too large"}, "base", 512)
    assert re.search(r"  fits  ~[\d,]+ tokens/s\n  Full   no: too large$", fits)
    assert max(map(len, fits.splitlines())) <= 80
    assert "tokens/s" not in machine.fits({"lora": found[1]}, "base", 512)


def test_a_page_says_the_error_where_something_cannot_be_read(tmp_path: Path) -> None:
    draft = going(passing(passing(answered(model__source="./rows"))), "model")
    shown = list(step.of_step(draft, facts(tmp_path), "run.toml").facts())
    assert "safetensors" in shown[-1]


def test_the_page_of_a_return_offers_both_ways() -> None:
    draft = answer(passing(passing(answered())), "data.system", "Be brief.")
    page = step.of_return(draft)
    assert [row.id for row in page.rows if isinstance(row, Action)] == [
        "go_on",
        "start_over",
    ]
    assert "step 3 of 7, Model" in next(page.facts())
