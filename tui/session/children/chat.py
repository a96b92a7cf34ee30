"""The chat template and tokenizer of the chosen model."""

from planner.data.checks.scan import Chat
from planner.data.tokens.encode import load_tokenizer
from planner.data.tokens.ending import with_ends
from planner.data.tokens.special_tokens import configured_ends
from planner.data.tokens.template import load_template
from planner.interview.answers import check
from planner.plan.gather import model_facts
from tui.session.request import DataRequest, located


def chat_of(request: DataRequest) -> Chat | None:
    """Return the template and the tokenizer of the model; None if none is chosen.

    Raises a TunelockError if the model cannot be used.
    """
    values = request.values
    if not values["model.source"]:
        return None
    facts, folder = model_facts(check({"goal.name": "data"} | _whole(values), {}), request.folder)
    own = values["model.template"]
    template = load_template(folder, file=located(request.folder, own) if own else None)
    tokenizer = load_tokenizer(folder)
    return Chat(
        with_ends(template, tokenizer, configured_ends(folder)),
        tokenizer,
        facts.architecture.context,
        int(str(values["train.max_length"])),
        facts.architecture.vocabulary,
    )


def _whole(values: dict[str, object]) -> dict[str, object]:
    """Return the answers without those about data, which may be incomplete."""
    kept = {key: value for key, value in values.items() if not key.startswith("data.")}
    return kept | {"data.train": "rows"}
