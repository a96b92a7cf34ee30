"""A model's tokenizer, which runs in a child process."""

import hashlib
import json
from array import array
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from lockfiles import digest, files
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from planner.data.isolation import client, limits
from planner.data.isolation.client import Fault, Loaded
from planner.data.tokens import lookup

_OLDER = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "tekken.json", "vocab.json")
"""Tokenizers in forms that are not read."""


class TokenizerFails(UsageProblem):
    """A tokenizer exceeds its time or memory limit, or crashes its process."""


class Tokenizer:
    """The tokenizer of a `tokenizer.json`, with exact character offsets.

    Its post-processor is removed: it would add special tokens, which the template already prints,
    and trim white space from the offsets.
    """

    def __init__(
        self,
        content: bytes,
        name: str = "tokenizer.json",
        added: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Load the content of a `tokenizer.json`. Raises Fault if it is invalid.

        `added` are tokens that its model's other files add, as `lookup.added_tokens` returns them.
        """
        self._content, self._name, self._added = content, name, list(added)
        count, *numbers = client.numbers(client.load(self.loaded)) or (0,)
        self._special, self._atomic = frozenset(numbers[:count]), frozenset(numbers)

    @cached_property
    def loaded(self) -> Loaded:
        """The tokenizer in the form that the child process loads."""
        added = json.dumps(self._added).encode() if self._added else b""
        key = hashlib.sha256(self._content).hexdigest() + hashlib.sha256(added).hexdigest()
        request = {"do": "load", "tokenizer": key, "added": self._added}
        return Loaded(key, request, self._content, limits.LOAD_SECONDS)

    @property
    def special_ids(self) -> frozenset[int]:
        """The ids of special tokens, such as those around turns."""
        return self._special

    @property
    def added_ids(self) -> frozenset[int]:
        """The ids of all added tokens, special or not: each is always one token of a text."""
        return self._atomic

    def encode(self, text: str) -> "array[int]":
        """Return the ids of a text, without special tokens added. Raises TokenizerFails."""
        wait = limits.token_seconds(len(text), [])
        return client.numbers(self._asked({"do": "tokens"}, text.encode(), wait)[1])

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """Return the text of tokens. Raises TokenizerFails."""
        asked = {"do": "decode", "skip": skip_special_tokens}
        wait = limits.token_seconds(len(ids), [])
        return bytes(self._asked(asked, array("I", ids).tobytes(), wait)[1]).decode(
            "utf-8", "replace"
        )

    def token_to_id(self, token: str) -> int | None:
        """Return the id of a token, or None if there is no such token. Raises TokenizerFails."""
        asked = {"do": "id"}
        found = self._asked(asked, token.encode("utf-8", "replace"), limits.RENDER_SECONDS)[0]
        number = found.get("id")
        return number if type(number) is int and number >= 0 else None

    def failure(self, fault: Fault) -> TokenizerFails:
        """Return the error for a tokenizer that failed."""
        why = {
            "late": "takes too long",
            "slow": "takes too long",
            "memory": f"takes more than {limits.MORE_BYTES // 2**20:,} MiB of memory",
            "ended": f"crashed its process with {fault.said}",
            "tokens": f"produces {fault.said}",
        }
        said = why.get(fault.kind, f"fails: {fault.said.rstrip('.')}")
        return TokenizerFails(f"The tokenizer `{self._name}` {said}.", fix=_again(self._name))

    def _asked(
        self, asked: dict[str, Any], content: bytes, wait: float
    ) -> tuple[dict[str, Any], memoryview]:
        try:
            return client.ask([self.loaded], asked, content, (wait,))
        except Fault as fault:
            raise self.failure(fault) from None


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of the model in `folder`. Raises UsageProblem."""
    path = folder / "tokenizer.json"
    try:
        content = files.read_bounded(path, limits.TOKENIZER_BYTES)
        if files.is_lfs_pointer(content):
            raise digest.lfs_pointer(path)
        return Tokenizer(content, str(path), lookup.added_tokens(folder))
    except FileNotFoundError:
        raise _missing(folder) from None
    except OSError as problem:
        raise UsageProblem(
            f"`{path}` cannot be read: {problem.strerror}.", fix=Command("ls -l {}", path)
        ) from None
    except Fault as fault:
        why = {
            "late": f"it takes longer than {limits.LOAD_SECONDS:g} seconds to read",
            "memory": "it takes too much memory to read",
            "ended": f"the process that reads it crashed with {fault.said}",
            "broken": "it has parts that this version of `tokenizers` does not know, or is damaged",
        }
        raise UsageProblem(
            f"`{path}` is not a tokenizer: {why.get(fault.kind, fault.said)}.",
            fix=_again(path),
        ) from None


def _missing(folder: Path) -> UsageProblem:
    """Return the refusal of a model without a `tokenizer.json`."""
    older = [name for name in _OLDER if (folder / name).is_file()]
    if older:
        return UsageProblem(
            f"`{folder}` has no `tokenizer.json`, only `{older[0]}`.",
            fix=Advice(
                "convert it with `AutoTokenizer.from_pretrained(...).save_pretrained(...)`, which "
                "writes `tokenizer.json`"
            ),
        )
    return UsageProblem(
        f"`{folder}` has no `tokenizer.json`.",
        fix=Advice("copy or download the files of the model's tokenizer too"),
    )


def _again(path: object) -> Advice:
    return Advice(f"copy or download `{path}` again")
