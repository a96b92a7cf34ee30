"""The tensors that a model folder must have for its GGUF export, by name and shape.

Names are those that transformers saves; a folder may hold them without `model.`, as transformers
loads it. A loader of llama.cpp refuses a file in which one is
missing, and this export leaves none out in silence.
"""

from collections.abc import Iterator, Mapping, Set

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from lockfiles.harmless import one_line
from planner.gguf.family import ELSEWHERE, Config, Family, head_dim, kv_heads
from planner.models.extra_tensors import is_computed
from planner.models.families import FAMILIES as DECODERS
from planner.models.spelling import Spelling

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
_SHOWN = 3
_AGAIN = Advice("copy or download the model again, or export a complete folder")

Shapes = Mapping[str, tuple[int, ...]]


def expected(config: Config, family: Family) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor of a completed config.json, by name.

    A tied head, which a folder may leave out, is among them.
    """
    rows = (int(config["vocab_size"]), int(config["hidden_size"]))
    shapes = {EMBEDDING: rows, "model.norm.weight": rows[1:], HEAD: rows}
    for layer in range(int(config["num_hidden_layers"])):
        for name, shape in _layer(config, family):
            shapes[f"model.layers.{layer}.{name}"] = shape
    return shapes


def _layer(config: Config, family: Family) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, mlp = int(config["hidden_size"]), int(config["intermediate_size"])
    width = head_dim(config)
    query, key = int(config["num_attention_heads"]) * width, kv_heads(config) * width
    linear = {
        "self_attn.q_proj": (query, hidden),
        "self_attn.k_proj": (key, hidden),
        "self_attn.v_proj": (key, hidden),
        "self_attn.o_proj": (hidden, query),
        "mlp.gate_proj": (mlp, hidden),
        "mlp.up_proj": (mlp, hidden),
        "mlp.down_proj": (hidden, mlp),
    }
    biased = _biased(config, family)
    for name, shape in linear.items():
        yield f"{name}.weight", shape
        if name in biased:
            yield f"{name}.bias", shape[:1]
    yield "input_layernorm.weight", (hidden,)
    yield "post_attention_layernorm.weight", (hidden,)
    if family.qk_norm:
        yield "self_attn.q_norm.weight", (width,)
        yield "self_attn.k_norm.weight", (width,)


def _biased(config: Config, family: Family) -> Set[str]:
    """Return the names of the layers that have a bias."""
    found = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"} if family.qkv_bias else {}
    biased = set(found)
    if "attention_bias" in family.bias_flags and config.get("attention_bias"):
        biased |= {f"self_attn.{one}_proj" for one in "qkvo"}
    if "mlp_bias" in family.bias_flags and config.get("mlp_bias"):
        biased |= {f"mlp.{one}_proj" for one in ("gate", "up", "down")}
    return biased


def saved_names(shapes: Shapes, config: Config, family: Family) -> dict[str, str]:
    """Return the name that transformers saves each tensor of a folder under, by its name there.

    `shapes` are those of its files, by name. Those that every loader computes itself are left out,
    and unknown ones keep their names. A tied model may have only its head, which is the embedding.
    """
    spelling = Spelling(DECODERS[family.model_type].naming, expected(config, family).__contains__)
    kept = [name for name, shape in shapes.items() if not is_computed(name, shape)]
    found = {name: spelling.read(name) for name in kept}
    if config.get("tie_word_embeddings") and EMBEDDING not in found.values():
        return {name: EMBEDDING if saved == HEAD else saved for name, saved in found.items()}
    return found


def check(shapes: Shapes, config: Config, family: Family) -> None:
    """Raise UsageProblem unless a folder's tensors are those of its completed config.json.

    `shapes` are those of its files, by name. The sentence names what is missing, unknown or of
    another shape, and the setting that disagrees where that is clear.
    """
    wanted = expected(config, family)
    found = {saved: shapes[name] for name, saved in saved_names(shapes, config, family).items()}
    if (rows := found.get(EMBEDDING, ())[:1]) not in ((), wanted[EMBEDDING][:1]):
        raise UsageProblem(
            f"`vocab_size` in `config.json` is {wanted[EMBEDDING][0]:,}, but the embedding "
            f"`{EMBEDDING}` has {rows[0]:,} rows.",
            fix=Advice("copy `config.json` and the weights from the same model"),
        )
    optional = {HEAD} if config.get("tie_word_embeddings") else set()
    missing = [name for name in wanted if name not in found and name not in optional]
    if missing:
        raise UsageProblem(
            f"The weights lack {_named(missing)}.{_layers(found, config)}", fix=_AGAIN
        )
    if unknown := sorted(found.keys() - wanted.keys()):
        raise UsageProblem(
            f"The weights have {_named(unknown)}, which a `{family.model_type}` model with this "
            f"`config.json` does not have.{_layers(found, config)}",
            fix=ELSEWHERE,
        )
    other = [name for name, shape in found.items() if shape != wanted[name]]
    if other:
        name = other[0]
        raise UsageProblem(
            f"`{name}` has the shape {list(found[name])}, but `config.json` describes "
            f"{list(wanted[name])}.",
            fix=_AGAIN,
        )


def _named(names: list[str]) -> str:
    shown = ", ".join(f"`{one_line(name, most=100)}`" for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more:,} more tensors" if more > 0 else shown


def _layers(found: Shapes, config: Config) -> str:
    """Return a sentence about the number of layers, if it differs from the configured one."""
    numbers = {name.split(".")[2] for name in found if name.startswith("model.layers.")}
    count, wanted = len(numbers), int(config["num_hidden_layers"])
    if count == wanted:
        return ""
    return f" `num_hidden_layers` is {wanted}, but the files have {count} layers."
