"""A language model around a decoder that transformers has only within a multimodal model."""

from functools import cache
from typing import Any


def from_config(config: Any, maker: Any = None, **form: Any) -> Any:
    """Return the model of a configuration, by the automatic class `maker` if it knows the model.

    Without `maker`, it is a causal language model. `form` has further arguments of `from_config`.
    """
    from transformers import AutoModelForCausalLM

    kind: Any = type(config)
    usual = maker or AutoModelForCausalLM
    if kind in usual._model_mapping:
        return usual.from_config(config, trust_remote_code=False, **form)
    return _headed(kind)._from_config(config, **form)


@cache
def _headed(kind: Any) -> Any:
    """Return a class with the decoder of a configuration class and a head."""
    from torch import nn
    from transformers import AutoModel, GenerationMixin
    from transformers.modeling_outputs import CausalLMOutputWithPast

    decoder: Any = AutoModel._model_mapping[kind]
    usual: Any = decoder.__mro__[1]

    class Headed(usual, GenerationMixin):  # type: ignore[misc]
        config_class = kind

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self._tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}
            self.model = decoder(config)
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
            self.post_init()

        def forward(self, input_ids: Any = None, labels: Any = None, **given: Any) -> Any:
            hidden = self.model(input_ids=input_ids, **given).last_hidden_state
            logits = self.lm_head(hidden)
            loss = None
            if labels is not None:
                loss = self.loss_function(logits, labels, self.config.vocab_size)
            return CausalLMOutputWithPast(loss=loss, logits=logits)

    Headed.__module__ = decoder.__module__  # where transformers looks for fused experts
    return Headed
