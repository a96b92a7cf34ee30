"""TRL's loss head and models whose decoder is not where it looks."""

import pytest
import torch

from tests.runner.inputs.test_parameter_count import tiny

VISION = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 128,
    "patch_size": 14, "image_size": 28, "vision_output_dim": 32, "projector_input_dim": 32,
    "projector_output_dim": 32,
}  # fmt: skip


def test_a_decoder_within_a_language_model_gives_the_loss_of_its_class() -> None:
    pytest.importorskip("trl")
    from transformers import CONFIG_MAPPING
    from trl.trainer.utils import add_fused_lm_head

    from runner.training.decoder import name_as_trl_does
    from runner.training.loaded import class_of

    config = CONFIG_MAPPING["llama4"](text_config=tiny("llama4_text"), vision_config=VISION)
    model = class_of(config.to_dict()).from_config(config).eval()
    tensors, ids = [*model.state_dict()], torch.arange(5, 17)[None]
    loss = model(input_ids=ids, labels=ids).loss
    name_as_trl_does(model)
    add_fused_lm_head(model)
    found = model(input_ids=ids, labels=ids, fused_lm_head=True)
    assert torch.allclose(-found.log_probs.mean(), loss)
    assert [*model.state_dict()] == tensors
