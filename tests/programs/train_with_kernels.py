"""The loss and gradients of a small Mamba-2 hybrid in training, where `mamba-ssm` is installed.

    python -m tests.programs.train_with_kernels FAMILY METHOD [PACKAGES]

PACKAGES is a folder that this program fills with a package of that name: its function computes the
layers with torch and multiplies by the weight of `out_proj`, as the real one does. Prints a JSON
object with the loss, the calls of that function and the sum of absolute gradients.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.runner.inputs.test_parameter_count import tiny

_PACKAGE = """
import torch

calls = 0

def mamba_split_conv1d_scan_combined(zxbcdt, weight, bias, steps, decays, outproj_weight=None):
    global calls
    calls += 1
    inner = outproj_weight.shape[-1]
    return torch.nn.functional.linear(zxbcdt[..., :inner], outproj_weight)
"""


_WIDE = {"hidden_size": 64, "moe_intermediate_size": 16, "moe_shared_expert_intermediate_size": 16}


def main(family: str, method: str, packages: str = "") -> None:
    if packages:
        place = Path(packages) / "mamba_ssm" / "ops" / "triton"
        place.mkdir(parents=True)
        for folder in (place, place.parent, place.parent.parent):
            (folder / "__init__.py").touch()
        (place / "ssd_combined.py").write_text(_PACKAGE, "utf-8")
        sys.path.insert(0, packages)
    print(json.dumps(_step(family, method)))


def _step(family: str, method: str) -> dict[str, float]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from lockfiles.training import Method, Train
    from runner.training.loading import load

    torch.manual_seed(0)
    shape = AutoConfig.for_model(family, **tiny(family) | _WIDE)
    with tempfile.TemporaryDirectory() as folder:
        AutoModelForCausalLM.from_config(shape).save_pretrained(folder)
        settings = Train.model_construct(dtype="float32", attention="eager")
        model = load(Path(folder), Method.model_construct(kind=method), settings)
    ids = torch.arange(12)[None] % shape.vocab_size
    loss = model.train()(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    taken = sys.modules.get("mamba_ssm.ops.triton.ssd_combined")
    grown = sum(float(one.grad.abs().sum()) for one in model.parameters() if one.grad is not None)
    return {"loss": loss.item(), "calls": getattr(taken, "calls", 0), "gradients": grown}


if __name__ == "__main__":
    main(*sys.argv[1:])
