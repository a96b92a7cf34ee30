"""The shape of a decoder."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Architecture:
    """The facts of `config.json` that memory depends on."""

    family: str
    """`model_type` of the decoder; that of `text_config` in a multimodal wrapper."""
    hidden: int
    """Width of the residual stream."""
    layers: int
    """Number of layers."""
    heads: int
    """Attention heads."""
    kv_heads: int
    """Key and value heads."""
    head_dim: int
    """Width of a head."""
    intermediate: int
    """Width of the MLP."""
    vocabulary: int
    """Rows of the embedding."""
    tied: bool
    """Whether the head shares the embedding."""
    context: int
    """Longest sequence, in tokens."""
    qk_norm: bool
    """Whether queries and keys are normalized before attention."""
    bias: bool
    """Whether the query, key and value layers have a bias."""
    experts: int = 0
    """Routed experts per layer of a mixture; 0 for a dense model."""
    experts_per_token: int = 0
    """Routed experts per token; 0 for a dense model."""
    moe_intermediate: int = 0
    """Width of one routed expert; 0 for a dense model."""
    shared_intermediate: int = 0
    """Total width of the shared experts; 0 if there are none."""
    dense_layers: int = 0
    """Leading layers of a mixture with a dense MLP of width `intermediate`."""
    gated_mlp: bool = True
    """Whether the MLP has gate, up and down layers; False for up and down only."""
    sliding_window: int = 0
    """Tokens in the window of layers with sliding-window attention; 0 if there are none."""
    sliding_every: int = 0
    """One layer in this many has full attention, the others a window; 0 if all are equal."""
    mlp_bias: bool = False
    """Whether the layers of the MLP have a bias."""
    o_bias: bool = False
    """Whether the attention's output projection has a bias."""
    soft_cap: bool = False
    """Whether the logits of attention or head are soft-capped."""
    norms_per_layer: int = 2
    """Norms of width `hidden` in one layer, from 1 to 4."""
    head_bias: bool = False
    """Whether the head has a bias."""
    own: tuple[tuple[str, int | str], ...] = ()
    """Further facts that only its family has, by the names of its `config.json`; sorted."""

    def facts(self) -> dict[str, int | str]:
        """Return all facts by name; those of `own` as `own.name`."""
        usual = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "own"}
        return usual | {f"own.{name}": value for name, value in self.own}

    def integer(self, name: str) -> int:
        """Return an integer of `own`; 0 if it has none of that name."""
        found = dict(self.own).get(name, 0) if self.own else 0
        return found if isinstance(found, int) else 0

    def text(self, name: str) -> str:
        """Return a text of `own`, such as the pattern of layers; empty if it has none."""
        found = dict(self.own).get(name, "")
        return found if isinstance(found, str) else ""
