"""Changes of the base to the folder of an adapter."""

from pathlib import Path

from tests.cases import models, stored
from tests.cases.stored import zeros


def adapter(folder: Path) -> None:
    """Make a folder that of an adapter."""
    for name in ("model.safetensors", "config.json", "generation_config.json"):
        (folder / name).unlink()
    stored.write(folder / "adapter_model.safetensors", {"x": zeros("F32", 1)})
    beside(folder)


def beside(folder: Path) -> None:
    """Write the configuration of an adapter to a folder."""
    models.edit("adapter_config.json", base_model_name_or_path="demo/base", peft_type="LORA",
                r=8, lora_alpha=16, target_modules=["q_proj"])(folder)  # fmt: skip
