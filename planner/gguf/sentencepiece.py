"""SentencePiece-like tokenizers: BPE over characters with `▁` for spaces and bytes as a fallback.

llama.cpp merges by a score for each token. A tokenizer.json merges by ranked pairs, so the score of
a token is the rank of the last pair that makes it from its characters. Then both merge alike: in
any text, the parts of a token are joined in the order in which the token alone is made.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.harmless import one_line
from planner.gguf import merging
from planner.gguf.family import ELSEWHERE

SPACE = "▁"
BYTES = tuple(f"<0x{number:02X}>" for number in range(256))
"""The tokens of single bytes."""
_PREPEND = {"type": "Prepend", "prepend": SPACE}
_REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}


def like(tokenizer: Mapping[str, Any]) -> bool:
    """Return whether a tokenizer.json is SentencePiece-like."""
    model = tokenizer["model"]
    return model.get("type") == "BPE" and bool(model.get("byte_fallback"))


def add_space_prefix(tokenizer: Mapping[str, Any]) -> bool:
    """Return whether a space is put before each text that follows a special token.

    Raises UsageProblem for white space that llama.cpp does not treat alike.
    """
    normalizer, splitter = tokenizer.get("normalizer"), tokenizer.get("pre_tokenizer")
    steps = normalizer.get("normalizers", [normalizer]) if normalizer else []
    if splitter is None and steps in ([_PREPEND, _REPLACE], [_REPLACE, _PREPEND], [_REPLACE]):
        prefixed = _PREPEND in steps
        odd = [one["content"] for one in tokenizer.get("added_tokens", []) if one.get("normalized")]
        if not (prefixed and odd):
            return prefixed
        raise UsageProblem(
            f"The token `{one_line(odd[0], most=40)}` is found only after a space, which llama.cpp "
            "cannot do.",
            fix=ELSEWHERE,
        )
    if not steps and splitter is not None and splitter.get("type") == "Metaspace":
        scheme = splitter.get("prepend_scheme", "always")
        plain = splitter.get("replacement") == SPACE and splitter.get("split") is False
        if plain and scheme == "never":
            return False
        raise UsageProblem(
            "llama.cpp puts spaces before other words than the tokenizer's `Metaspace` step "
            f"(`{one_line(scheme, most=20)}`) does.",
            fix=ELSEWHERE,
        )
    shown = one_line(str([*steps, splitter]), most=300)
    raise UsageProblem(
        "llama.cpp has no equivalent of this SentencePiece-like tokenizer's treatment of spaces: "
        f"`{shown}`.",
        fix=ELSEWHERE,
    )


def scores(tokenizer: Mapping[str, Any], merges: Sequence[object]) -> dict[str, float]:
    """Return the score of each token that llama.cpp merges to. Raises UsageProblem if it would
    merge a token otherwise than the tokenizer does, or if a byte has no token."""
    vocab: Mapping[str, int] = tokenizer["model"]["vocab"]
    lacking = [byte for byte in BYTES if byte not in vocab]
    if lacking:
        raise UsageProblem(
            "The tokenizer is SentencePiece-like, but it has no token for the byte "
            f"`{lacking[0]}`, which llama.cpp requires.",
            fix=ELSEWHERE,
        )
    ranks = merging.pairs(merges)
    special = {one["content"] for one in tokenizer.get("added_tokens", [])} | set(BYTES)
    texts = [text for text in vocab if len(text) > 1 and text not in special]
    preference = merging.by_rank(ranks, vocab)
    made = {text: merging.merged(text, preference) for text in merging.bounded(texts)}
    found = {text: -float(last or 0) for text, (_, last) in made.items()}
    ignores = bool(tokenizer["model"].get("ignore_merges"))
    for text, (parts, _) in made.items():
        if parts == [text]:
            continue
        if ignores or merging.merged(text, merging.by_score(found))[0] != parts:
            raise UsageProblem(
                f"llama.cpp would make the token `{one_line(text, most=40)}` where this "
                "SentencePiece-like tokenizer does not.",
                fix=ELSEWHERE,
            )
    return found
