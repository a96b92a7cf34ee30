"""Runs llama.cpp in a child process, so that its aborts become errors."""

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
from runner.environments.lifeline import lifeline
from runner.environments.variables import child_environment

TAIL_LINES = 12


def require_llama_cpp() -> None:
    """Raise UsageProblem if llama-cpp-python is not installed."""
    if importlib.util.find_spec("llama_cpp") is None:
        raise UsageProblem(
            "This needs `llama-cpp-python`, which is not installed.",
            fix=Command("pip install 'tunelock[gguf]'"),
        )


def run_child(job: Mapping[str, Any]) -> Any:
    """Run one job of `runner.export.gguf.__main__` and return its result.

    Raises RunFailed, with the end of the child's log, if it fails or aborts.
    """
    require_llama_cpp()
    with tempfile.TemporaryDirectory(prefix="tunelock-gguf-") as scratch:
        folder = Path(scratch)
        result, log = folder / "result.json", folder / "log.txt"
        path = folder / "job.json"
        path.write_text(json.dumps({**job, "result": str(result)}), encoding="utf-8")
        command = [sys.executable, "-P", "-m", "runner.export.gguf", str(path)]
        # Without a backtrace the end of the log shows the failed assertion.
        environment = child_environment() | {"GGML_NO_BACKTRACE": "1"}
        with log.open("wb") as stream, lifeline() as line:
            code = subprocess.run(
                command, stdin=line, stdout=stream, stderr=stream, env=environment, check=False
            ).returncode
        if code != 0 or not result.is_file():
            raise RunFailed(
                _failure(str(job["action"]), code),
                details=log.read_text("utf-8", "replace").strip().split("\n")[-TAIL_LINES:],
                fix=Advice(
                    "free memory and disk space and run it again; GGUF levels `f16` and `q8_0` do "
                    "not need llama.cpp"
                ),
            )
        return json.loads(result.read_text(encoding="utf-8"))


def _failure(action: str, code: int) -> str:
    """Return a sentence about how the child ended; the end of its log follows."""
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"The GGUF step `{action}` {how}; its log ends with:"


def quantize_file(source: Path, out: Path, level: str) -> None:
    """Quantize `source` (f16) to `out` with llama.cpp's own quantizer."""
    run_child({"action": "quantize", "source": str(source), "out": str(out), "level": level})


def sample(
    gguf: Path,
    prompts: Sequence[Sequence[Mapping[str, str]]],
    max_tokens: int,
    context_tokens: int = 4096,
) -> list[str]:
    """Return a greedy answer for each message list, with the chat template in the file."""
    job = {"action": "sample", "gguf": str(gguf), "prompts": [list(prompt) for prompt in prompts]}
    sizes = {"max_tokens": max_tokens, "context_tokens": context_tokens}
    answers: list[str] = run_child({**job, **sizes})
    return answers


def logits(gguf: Path, tokens: Sequence[int], *, cache: str = "f16") -> list[list[float]]:
    """Return the logits after each of the tokens; `cache` (f16, f32) is the KV cache's type."""
    rows: list[list[float]] = run_child(
        {"action": "logits", "gguf": str(gguf), "tokens": list(tokens), "cache": cache}
    )
    return rows


def tokenize(gguf: Path, texts: Sequence[str]) -> list[list[int]]:
    """Return the token ids of each text, with special tokens parsed and the file's BOS setting."""
    ids: list[list[int]] = run_child(
        {"action": "tokenize", "gguf": str(gguf), "texts": list(texts)}
    )
    return ids
