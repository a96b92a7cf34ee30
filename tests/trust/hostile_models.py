"""Model folders as a stranger might send them."""

import json
import os
from pathlib import Path
from typing import Any

from runner.demo import files

BASE = Path(files.__file__).parent / "base"
INDEX = "model.safetensors.index.json"


def read_safetensors(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return the header of a safetensors file and its tensors' bytes."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write_safetensors(path: Path, header: object, body: bytes = b"") -> None:
    """Write a safetensors file with this header, right or wrong."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def shard(folder: Path) -> dict[str, str]:
    """Spread the weights of a folder over two files with an index, and return its map."""
    header, body = read_safetensors(folder / "model.safetensors")
    header.pop("__metadata__", None)
    names = sorted(header)
    halves = {"model-00001-of-00002.safetensors": names[::2]}
    halves["model-00002-of-00002.safetensors"] = names[1::2]
    spread: dict[str, str] = {}
    for file, held in halves.items():
        own, content = {}, b""
        for name in held:
            begin, end = header[name]["data_offsets"]
            at = len(content)
            content += body[begin:end]
            own[name] = header[name] | {"data_offsets": [at, len(content)]}
            spread[name] = file
        write_safetensors(folder / file, own, content)
    (folder / "model.safetensors").unlink()
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": spread}))
    return spread


def plant(folder: Path, secret: Path) -> None:
    """Put into a folder what loaders would take in place of, or beside, the listed files."""
    header, body = read_safetensors(BASE / "model.safetensors")
    if not (folder / "model.safetensors").exists():
        write_safetensors(folder / "model.safetensors", header, bytes(len(body)))
    adapter = {"peft_type": "LORA", "base_model_name_or_path": str(secret.parent), "r": 1}
    (folder / "adapter_config.json").write_text(json.dumps(adapter))
    write_safetensors(folder / "adapter_model.safetensors", {})
    for name, content in {
        "chat_template.json": '{"chat_template": "planted"}',
        "special_tokens_map.json": '{"eos_token": "planted"}',
        "added_tokens.json": '{"planted": 3}',
        "tokenizer.4.0.json": "{}",
        "processor_config.json": '{"chat_template": "planted"}',
        "pytorch_model.bin": "a pickle",
        "model.gguf": "GGUF",
    }.items():
        if not (folder / name).exists():
            (folder / name).write_text(content)
    for name in ("custom_generate", "additional_chat_templates", "chat_templates"):
        (folder / name).mkdir()
    (folder / "custom_generate" / "generate.py").write_text("raise SystemExit('planted')")
    (folder / "additional_chat_templates" / "default.jinja").write_text("planted")
    (folder / "chat_templates" / "default.jinja").write_text("planted")
    (folder / "tokenizer.model").symlink_to(secret)
    os.mkfifo(folder / "spiece.model")
