"""Runs steps with real tensors and with fake ones: `[CONFIG, PROFILE ...]` as JSON on stdin.

Prints a line `SEEN` for each profile: a JSON pair of the peaks by moment, real and fake.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import torch

from planner.setup.setup import Profile
from runner.trace import quantised
from runner.trace.as_gpu import as_resident
from runner.trace.live import Live
from runner.trace.model import built, on_cpu, reference
from runner.trace.step import peaks, steps

KEPT = range(2)


def real(config: Mapping[str, Any], profile: Profile) -> dict[str, int]:
    """Return the peaks in bytes by moment, of tensors that hold values."""
    model, second = built(config, profile, KEPT), reference(config, profile, KEPT)
    live = Live(as_gpu=False, kernels=quantised.kernels())
    for each in filter(None, (model, second)):
        on_cpu(each)
        with torch.no_grad():
            for tensor in (*each.parameters(), *each.buffers()):
                tensor.fill_(0.01)
        live.see((*each.parameters(), *each.buffers(), *quantised.scales(each)))
    with live, as_resident(config["vocab_size"]):
        steps(model, second, profile, live)
    return {name: size for name, size in live.peaks.items() if not name.startswith("first")}


def main() -> None:
    torch.set_num_threads(1)
    config, *profiles = json.load(sys.stdin)
    for values in profiles:
        profile = Profile(**values | {"targets": tuple(values["targets"])})
        print("SEEN", json.dumps([real(config, profile), peaks(config, profile, KEPT)]))


if __name__ == "__main__":
    main()
