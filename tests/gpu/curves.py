"""Losses of a training with each choice of kernels, as numbers and as a picture.

    python -m tests.gpu.curves OUT.jsonl [--svg OUT.svg] [--steps 200] [--cpu] [--only METHOD]

A model of Qwen2.5-0.5B's shape with random weights learns the bytes of GSM8K's rows, 16 rows a
step, by the runner's own `train`. The first way is trained with three seeds: what differs between
them is noise. For each way the greatest difference from the same seed of the first way is given,
of losses that are averaged over 20 steps, and that of the seeds. `--draw` only draws.
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from planner.data.tokens.example import Example, completion
from tests.gpu.exact import TINY
from tests.gpu.shapes import write_base
from tests.gpu.variants import ROWS, VARIANTS, Training, apart, ready, unknown

TEXT = Path(__file__).parents[1] / "data" / "gsm8k.short.jsonl"
METHODS = ("lora", "full")
RATES = {"lora": 1e-3, "full": 1e-4}
FIRST, SEEDS = "padded", (17, 18, 19)
AVERAGED = 20
"""Steps of a moving average."""
LONGEST_SECONDS = 300.0
WIDTH, HEIGHT, EDGE = 720, 420, 50
COLORS = ("#444444", "#d1495b", "#edae49", "#00798c", "#7a5195", "#2e8b57")
FORK = multiprocessing.get_context("fork")
Line = Mapping[str, Any]


def rows(longest: int) -> list[Example]:
    """Return rows whose tokens are bytes of text, in a multiple of a step's rows."""
    found = []
    for text in TEXT.read_text("utf-8").splitlines():
        row = json.loads(text)
        ids = tuple(3 + byte for byte in f"{row['question']}\n{row['answer']}".encode())[:longest]
        found.append(completion(ids, ids))
    return found[: len(found) // ROWS * ROWS]


def ways(only: str) -> Iterator[tuple[str, str, int]]:
    """Yield the method, the kernels and the seed of each training."""
    for method in METHODS:
        if only in method:
            yield from ((method, FIRST, seed) for seed in SEEDS)
            yield from (
                (method, name, SEEDS[0]) for name in VARIANTS if name != FIRST and not unknown(name)
            )


def smooth(losses: Sequence[float]) -> list[float]:
    """Return a moving average."""
    return [
        statistics.fmean(losses[max(0, at - AVERAGED + 1) : at + 1]) for at in range(len(losses))
    ]


def furthest(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the greatest difference between two averages, once they are full ones."""
    pairs = list(zip(smooth(one), smooth(other), strict=True))
    return max(abs(a - b) for a, b in pairs[AVERAGED - 1 :] or pairs)


def main() -> None:
    """Train every way, three at a time; then draw."""
    given = argparse.ArgumentParser()
    given.add_argument("out", type=Path)
    given.add_argument("--svg", type=Path)
    given.add_argument("--steps", type=int, default=200)
    given.add_argument("--only", default="", choices=("", *METHODS))
    given.add_argument("--at-once", type=int, default=3)
    given.add_argument("--cpu", action="store_true", help="with a tiny model")
    given.add_argument("--draw", action="store_true", help="only draw what OUT has")
    asked = given.parse_args()
    if not asked.draw:
        _train(asked)
    found = [json.loads(text) for text in asked.out.read_text("utf-8").splitlines()]
    print("\n".join(summary(found)))
    if asked.svg:
        asked.svg.write_text("\n".join(picture(found)) + "\n", "utf-8")


def _train(asked: argparse.Namespace) -> None:
    ready()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        base = FORK.Process(
            target=write_base, args=(folder / "base",), kwargs=TINY if asked.cpu else {}
        )
        base.start()
        base.join()
        waiting, running = list(ways(asked.only)), list[BaseProcess]()
        while waiting or running:
            while waiting and len(running) < asked.at_once:
                process = FORK.Process(target=_kept, args=(waiting.pop(0), folder, asked))
                process.start()
                running.append(process)
            ended = wait([one.sentinel for one in running])
            running = [one for one in running if one.sentinel not in ended]


def _kept(way: tuple[str, str, int], folder: Path, asked: argparse.Namespace) -> None:
    method, variant, seed = way
    training = Training(
        folder / "base", folder / f"{method}-{variant}-{seed}", rows(40 if asked.cpu else 600),
        variant, method, asked.steps, seed=seed, most_tokens=400 if asked.cpu else 4096,
        learning_rate=RATES[method], on_card=not asked.cpu,
    )  # fmt: skip
    found = apart(training, LONGEST_SECONDS)
    line = {
        "method": method, "kernels": variant, "seed": seed, "error": found.error,
        "seconds": round(sum(found.seconds), 1), "losses": found.losses,
    }  # fmt: skip
    with asked.out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def summary(found: Sequence[Line]) -> Iterator[str]:
    """Yield a table: last losses, and how far from the first way they are."""
    yield "| method | kernels | seed | last loss, averaged | furthest from padded | by seed alone |"
    yield "|---|---|---|---|---|---|"
    for line in found:
        if line["error"] or not line["losses"]:
            yield f"| {line['method']} | {line['kernels']} | {line['seed']} | {line['error']} |"
            continue
        first = _first(found, line["method"])
        others = [one for one in first if one["seed"] != SEEDS[0]]
        noise = max((furthest(first[0]["losses"], one["losses"]) for one in others), default=0.0)
        cells = [
            line["method"], line["kernels"], str(line["seed"]),
            f"{smooth(line['losses'])[-1]:.4f}",
            f"{furthest(line['losses'], first[0]['losses']):.4f}", f"{noise:.4f}",
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def _first(found: Sequence[Line], method: str) -> list[Line]:
    """Return the trainings of the first way, the seed of all others first."""
    own = [one for one in found if (one["method"], one["kernels"]) == (method, FIRST)]
    return sorted((one for one in own if one["losses"]), key=lambda one: int(one["seed"]))


def picture(found: Sequence[Line]) -> Iterator[str]:
    """Yield an SVG with a panel for each method: averaged losses by step."""
    methods = [name for name in METHODS if any(one["method"] == name for one in found)]
    height = HEIGHT * len(methods)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">'
    )
    yield f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    for at, method in enumerate(methods):
        lines = [one for one in found if one["method"] == method and one["losses"]]
        yield f'<g transform="translate(0 {at * HEIGHT})">'
        yield from _panel(method, lines)
        yield "</g>"
    yield "</svg>"


def _panel(method: str, lines: Sequence[Line]) -> Iterator[str]:
    curves = [smooth(one["losses"]) for one in lines]
    least, most = min(map(min, curves)), max(map(max, curves))
    steps = max(map(len, curves))
    across, down = (WIDTH - 2 * EDGE) / max(1, steps - 1), (HEIGHT - 2 * EDGE) / (most - least)
    title = f"{method}: loss by step, average of {AVERAGED}"
    yield f'<text x="{EDGE}" y="24" font-size="15">{title}</text>'
    for part in range(5):
        value = least + part * (most - least) / 4
        y = HEIGHT - EDGE - (value - least) * down
        yield f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{EDGE - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>'
        step = round(part * (steps - 1) / 4)
        x = EDGE + step * across
        yield f'<text x="{x:.1f}" y="{HEIGHT - EDGE + 18}" text-anchor="middle">{step + 1}</text>'
    names = list(VARIANTS)
    for at, (one, curve) in enumerate(zip(lines, curves, strict=True)):
        color = COLORS[names.index(one["kernels"]) % len(COLORS)]
        dashes = "" if one["seed"] == SEEDS[0] else ' stroke-dasharray="4 3"'
        points = " ".join(
            f"{EDGE + step * across:.1f},{HEIGHT - EDGE - (loss - least) * down:.1f}"
            for step, loss in enumerate(curve)
        )
        yield f'<polyline points="{points}" fill="none" stroke="{color}"{dashes}/>'
        y = EDGE + 16 * at
        x = WIDTH - EDGE - 130
        yield f'<line x1="{x}" x2="{x + 24}" y1="{y}" y2="{y}" stroke="{color}"{dashes}/>'
        yield f'<text x="{x + 30}" y="{y + 4}">{one["kernels"]}, seed {one["seed"]}</text>'


if __name__ == "__main__":
    main()
