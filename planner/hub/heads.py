"""Compares the head of a model on the Hub with its embedding, without downloading them."""

from dataclasses import dataclass

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice

_SAMPLE_BYTES = 1 << 16
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Place:
    """One tensor in a safetensors file."""

    file: str
    begin: int
    """Where it begins after the header, in bytes."""
    end: int
    """Where it ends after the header."""


def alike(repo: str, commit: str, first: Place, second: Place) -> bool:
    """Return whether two tensors have the same size, and the same bytes at their start and middle.

    Reads a few samples with range requests. A run compares all bytes.
    """
    size = first.end - first.begin
    if size != second.end - second.begin:
        return False
    starts = [_header_end(repo, commit, place.file) + place.begin for place in (first, second)]
    for offset in (0, size // 2):
        length = min(_SAMPLE_BYTES, size - offset)
        one, other = (
            _range(repo, commit, place.file, start + offset, length)
            for place, start in zip((first, second), starts, strict=True)
        )
        if one != other:
            return False
    return True


def _header_end(repo: str, commit: str, file: str) -> int:
    return 8 + int.from_bytes(_range(repo, commit, file, 0, 8), "little")


def _range(repo: str, commit: str, file: str, start: int, length: int) -> bytes:
    """Return some bytes of a file. Raises UsageProblem if the Hub sends anything else."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils._http import get_session, hf_raise_for_status

    headers = build_hf_headers() | {"range": f"bytes={start}-{start + length - 1}"}
    url = hf_hub_url(repo, file, revision=commit)
    answer = get_session().get(url, headers=headers, timeout=_TIMEOUT_SECONDS)
    hf_raise_for_status(answer)
    content: bytes = answer.content
    if len(content) != length:
        raise UsageProblem(
            f"The Hub sent {len(content):,} bytes of `{file}` of `{repo}` instead of {length:,}.",
            fix=Advice("try again in a few minutes"),
        )
    return content
