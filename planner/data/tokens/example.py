"""One example as tokens: a set of named token sequences."""

from collections.abc import Mapping
from dataclasses import dataclass

IGNORED = -100
"""The label of a token that is not scored."""
COMPLETION = "completion"
"""The one sequence of a conversation."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One token sequence."""

    input_ids: tuple[int, ...]
    """Token ids, 0 to the vocabulary size - 1."""
    labels: tuple[int, ...]
    """The token's id where it is scored, else -100; as long as `input_ids`."""

    @property
    def scored(self) -> int:
        """How many tokens are scored."""
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True, slots=True)
class Example:
    """What one row becomes; each sequence is a row of the model's input."""

    sequences: Mapping[str, Encoded]
    """By the names and in the order of the objective's `sequences`."""

    def __getitem__(self, name: str) -> Encoded:
        return self.sequences[name]

    @property
    def length(self) -> int:
        """Tokens of its longest sequence."""
        return max(len(one.input_ids) for one in self.sequences.values())

    @property
    def tokens(self) -> int:
        """Tokens of all its sequences."""
        return sum(len(one.input_ids) for one in self.sequences.values())

    @property
    def scored(self) -> int:
        """Scored tokens of all its sequences."""
        return sum(one.scored for one in self.sequences.values())

    def cut(self, length: int) -> "Example":
        """Return it with at most `length` tokens in each sequence."""
        return Example(
            {
                name: Encoded(one.input_ids[:length], one.labels[:length])
                for name, one in self.sequences.items()
            }
        )


def completion(input_ids: tuple[int, ...], labels: tuple[int, ...]) -> Example:
    """Return the example of a conversation."""
    return Example({COMPLETION: Encoded(input_ids, labels)})
