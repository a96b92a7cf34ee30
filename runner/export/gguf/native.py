"""Runs llama.cpp in a child process, so that its aborts end as an error and not as ours."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockfiles.errors import RunFailed, UsageProblem
from lockfiles.fixes import Advice, Command
from runner.environments.variables import child_environment

TAIL_LINES = 12


def require_llama_cpp() -> None:
    """Raises UsageProblem when llama-cpp-python is not installed."""
    if importlib.util.find_spec("llama_cpp") is None:
        raise UsageProblem(
            "This needs `llama-cpp-python`, which is not installed.",
            fix=Command("pip install 'tunelock[gguf]'"),
        )


def run_child(job: Mapping[str, Any]) -> Any:
    """Runs one job of `runner.export.gguf.__main__` and returns its result.

    Raises RunFailed, with the end of the child's log, when it fails or aborts.
    """
    require_llama_cpp()
    with tempfile.TemporaryDirectory(prefix="tunelock-gguf-") as scratch:
        folder = Path(scratch)
        result, log = folder / "result.json", folder / "log.txt"
        path = folder / "job.json"
        path.write_text(json.dumps({**job, "result": str(result)}), encoding="utf-8")
        command = [sys.executable, "-P", "-m", "runner.export.gguf", str(path)]
        # A backtrace would push the failed assertion out of the log's end.
        environment = child_environment() | {"GGML_NO_BACKTRACE": "1"}
        with log.open("wb") as stream:
            code = subprocess.run(
                command, stdout=stream, stderr=stream, env=environment, check=False
            ).returncode
        if code != 0 or not result.is_file():
            raise RunFailed(
                _failure(str(job["action"]), code),
                details=log.read_text("utf-8", "replace").strip().split("\n")[-TAIL_LINES:],
                fix=Advice(
                    "free memory and disk and begin again; GGUF levels `f16` and `q8_0` are "
                    "written without llama.cpp"
                ),
            )
        return json.loads(result.read_text(encoding="utf-8"))


def _failure(action: str, code: int) -> str:
    """One sentence with the way the child ended; the end of its log follows."""
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"The GGUF step `{action}` {how}; its log ends with:"


def quantize_file(source: Path, out: Path, level: str) -> None:
    """Writes `source` (f16) again as `out` at a level of llama.cpp's own quantiser."""
    run_child({"action": "quantize", "source": str(source), "out": str(out), "level": level})


def sample(
    gguf: Path,
    prompts: Sequence[Sequence[Mapping[str, str]]],
    max_tokens: int,
    context_tokens: int = 4096,
) -> list[str]:
    """Greedy answers, one for each message list, through the chat template in the file."""
    job = {"action": "sample", "gguf": str(gguf), "prompts": [list(prompt) for prompt in prompts]}
    sizes = {"max_tokens": max_tokens, "context_tokens": context_tokens}
    answers: list[str] = run_child({**job, **sizes})
    return answers


def logits(gguf: Path, tokens: Sequence[int], *, cache: str = "f16") -> list[list[float]]:
    """Logits of the model after each of the tokens; `cache` (f16, f32) holds keys and values."""
    rows: list[list[float]] = run_child(
        {"action": "logits", "gguf": str(gguf), "tokens": list(tokens), "cache": cache}
    )
    return rows


def tokenize(gguf: Path, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, special tokens parsed, beginning token as the file says."""
    ids: list[list[int]] = run_child(
        {"action": "tokenize", "gguf": str(gguf), "texts": list(texts)}
    )
    return ids
