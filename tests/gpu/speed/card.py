"""The bf16 matrix rate of this card."""

import time
from typing import Any

from tests.gpu.speed.line import Line

WIDTH, ROUNDS = 8192, 60


def card(line: Line, steps: int) -> dict[str, Any]:
    """Return the operations per second of products of square bf16 matrices."""
    import torch

    if not torch.cuda.is_available():
        return {"line": line.text, "missing": "there is no card"}
    left, right = (torch.randn(WIDTH, WIDTH, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(ROUNDS // 2):
        torch.mm(left, right)
    torch.cuda.synchronize()
    began = time.monotonic()
    for _ in range(ROUNDS):
        torch.mm(left, right)
    torch.cuda.synchronize()
    rate = 2 * WIDTH**3 * ROUNDS / (time.monotonic() - began)
    return {
        "line": line.text,
        "card": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "bf16_flops_per_second": round(rate),
        "seconds_measured": round(time.monotonic() - began, 2),
    }
