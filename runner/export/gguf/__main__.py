"""The child process: `python -P -m runner.export.gguf JOB.json` runs one llama.cpp job.

A job has an `action`, its inputs, and the path of the JSON file for the `result`.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import llama_cpp

from runner.environments.lifeline import end_with_parent

Job = Mapping[str, Any]
TEMPLATE_KEY = "tokenizer.chat_template"


def _quantize(job: Job) -> int:
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{job['level'].upper()}")
    code: int = llama_cpp.llama_model_quantize(job["source"].encode(), job["out"].encode(), params)
    if code != 0:
        raise SystemExit(f"llama_model_quantize returned {code}")
    return code


def _sample(job: Job) -> list[str]:
    model = _model(job, n_ctx=job["context_tokens"], chat_format="chat_template.default")
    if TEMPLATE_KEY not in model.metadata:
        raise SystemExit("the file has no chat template")
    answers = []
    for messages in job["prompts"]:
        model.reset()
        answer = model.create_chat_completion(
            messages, max_tokens=job["max_tokens"], temperature=0.0
        )
        answers.append(answer["choices"][0]["message"]["content"] or "")
    return answers


def _logits(job: Job) -> list[list[float]]:
    kind = getattr(llama_cpp, f"GGML_TYPE_{job['cache'].upper()}")
    model = _model(job, n_ctx=len(job["tokens"]), logits_all=True, type_k=kind, type_v=kind)
    model.eval(job["tokens"])
    rows: list[list[float]] = model.scores[: len(job["tokens"])].tolist()
    return rows


def _tokenize(job: Job) -> list[list[int]]:
    model = _model(job, vocab_only=True)
    return [model.tokenize(text.encode(), add_bos=True, special=True) for text in job["texts"]]


def _model(job: Job, **options: Any) -> Any:
    return llama_cpp.Llama(job["gguf"], verbose=False, **options)


ACTIONS = {"quantize": _quantize, "sample": _sample, "logits": _logits, "tokenize": _tokenize}


def main(path: Path) -> None:
    """Run the job in `path`; the result file appears only if the job succeeds."""
    job = json.loads(path.read_text(encoding="utf-8"))
    result = ACTIONS[job["action"]](job)
    Path(job["result"]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    end_with_parent(1)
    main(Path(sys.argv[1]))
