"""Digests of values and of tensors."""

import json
from pathlib import Path

import pytest

from lockfiles import digest
from lockfiles.errors import UsageProblem


def _safetensors(path: Path, tensors: dict[str, bytes]) -> Path:
    header, body = {}, b""
    for name, data in tensors.items():
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "U8", "shape": [len(data)], "data_offsets": offsets}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def test_the_order_of_keys_does_not_change_a_value() -> None:
    assert digest.of_value({"a": 1, "b": [2]}) == digest.of_value({"b": [2], "a": 1})
    assert digest.of_value({"a": 1}) != digest.of_value({"a": 1.5})


def test_tensors_are_the_same_in_any_container(tmp_path: Path) -> None:
    one = _safetensors(tmp_path / "one", {"a": b"12", "b": b"345"})
    swapped = _safetensors(tmp_path / "two", {"b": b"345", "a": b"12"})
    parts = [
        _safetensors(tmp_path / "three", {"b": b"345"}),
        _safetensors(tmp_path / "four", {"a": b"12"}),
    ]
    assert one.read_bytes() != swapped.read_bytes()
    assert digest.of_tensors([one]) == digest.of_tensors([swapped]) == digest.of_tensors(parts)
    other = _safetensors(tmp_path / "five", {"a": b"12", "b": b"346"})
    assert digest.of_tensors([one]) != digest.of_tensors([other])


def test_a_name_in_two_files_names_both(tmp_path: Path) -> None:
    one = _safetensors(tmp_path / "one", {"a": b"1"})
    two = _safetensors(tmp_path / "two", {"a": b"1"})
    with pytest.raises(UsageProblem, match=f"`{two}` and `{one}` both contain `a`") as caught:
        digest.of_tensors([one, two])
    assert caught.value.hint.endswith(f"ls {tmp_path}")


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    whole = _safetensors(tmp_path / "whole", {"a": b"12345"})
    for length in (0, 4, 12, len(whole.read_bytes()) - 1):
        torn = tmp_path / "torn"
        torn.write_bytes(whole.read_bytes()[:length])
        with pytest.raises(UsageProblem):
            digest.of_tensors([torn])


@pytest.mark.parametrize(
    "header",
    [
        b"not JSON",
        b"[" * 100_000,
        b"[]",
        b'{"a": 1}',
        b'{"a": {"dtype": "U8", "shape": [1]}}',
        b'{"a": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}}',
        b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [2, 1]}}',
    ],
)
def test_a_broken_header_is_refused_with_a_hint(header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"1")
    with pytest.raises(UsageProblem, match="has a broken safetensors header") as caught:
        digest.safetensors_header(path)
    assert caught.value.hint == "copy or download `m.safetensors` again"
