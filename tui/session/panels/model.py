"""Facts about the base model."""

from lockfiles.harmless import joined
from planner.models.facts import ModelFacts
from tui.terminal.units import size


def render(model: ModelFacts, template: str) -> str:
    """Return size, shape and template; `template` is the problem with it, or empty."""
    shape = model.architecture
    size_bytes = sum(file.size_bytes for file in model.files)
    lines = [
        f"{model.source}",
        f"Parameters  {model.parameters:,} in {model.dtype}",
        f"Family      {shape.family}, {shape.layers} layers, width {shape.hidden}",
        f"Context     {shape.context:,} tokens",
        f"Files       {len(model.files)} files, {size(size_bytes)}",
        f"Template    {template or 'present'}",
    ]
    if model.license or model.gated:
        lines.append(f"License     {model.license or 'not stated'}{_gate(model.gated)}")
    return joined(lines)


def _gate(gated: bool) -> str:
    return " · gated: accept its terms on the Hub and log in" if gated else ""
