"""The page of the families of models and what each can."""

from planner.fit.families import FamilyFacts, families

_INTRO = """\
# Families of models

What training and exports can do with each family, as `tunelock fit --families` lists it. A family
is the `model_type` of a decoder in `config.json`. Every family is trained with all of its weights
or with LoRA, on the loss of TRL's trainers, and merged and evaluated afterwards.

- QLoRA: the share of the weights that it quantizes, in the example. Fused experts, convolutions and
  embeddings stay in 16 bits.
- LoRA adapts: the names of the linear layers. Routers and fused experts are not adapted.
- Packing: whether packed rows are kept apart. Where they are not, rows are padded.
- Attention: the implementation of transformers. Linear attention and state-space layers run in
  plain torch where their own packages (`flash-linear-attention`, `causal-conv1d`, `mamba-ssm`) are
  not installed, and always on a CPU. A plan counts plain torch: an upper bound where they are
  installed. A run warns of them, and its receipt has their versions.
- Reward: whether transformers has a class with a single output, for `--objective reward`.
- Around: multimodal models whose decoder is of the family. Their other parts are loaded, counted
  and left frozen.

For a model of another family, `tunelock fit` traces the class of the installed transformers.
[How to add a family](../add-a-family.md)."""
_HEAD = (
    "family", "example", "mixes tokens by", "experts", "QLoRA", "LoRA adapts", "packing",
    "attention", "reward", "GGUF", "around",
)  # fmt: skip


def page() -> str:
    """Return the page."""
    lines = [_line(_HEAD), _line(("---",) * len(_HEAD)), *map(_row, families())]
    return "\n".join([_INTRO, "", *lines])


def _row(one: FamilyFacts) -> str:
    share = f"{one.quantized:.0%}" if one.quantized else "no" if one.example else "-"
    cells = (
        f"`{one.name}`",
        one.example or "-",
        ", ".join(one.mixing) or "-",
        "yes" if one.experts else "no",
        share,
        _names(one.targets),
        "yes" if one.packing else "no",
        one.kernel,
        "yes" if one.reward else "no",
        "yes" if one.gguf else "no",
        _names(one.wrappers),
    )
    return _line(cells)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"
