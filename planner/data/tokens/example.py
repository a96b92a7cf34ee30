"""One example as tokens: a set of named token sequences."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    """The token id if the token is scored, else -100; as long as `input_ids`."""

    @property
    def scored(self) -> int:
        """The number of scored tokens."""
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True, slots=True)
class Example:
    """One row as tokens; each sequence is a row of the model's input."""

    sequences: Mapping[str, Encoded]
    """The sequences by name, in the order of the objective's `sequences`."""
    left_out: tuple[str, ...] = field(default=(), compare=False)
    """The parts of the row that its chat template leaves out."""

    def __getitem__(self, name: str) -> Encoded:
        return self.sequences[name]

    @property
    def length(self) -> int:
        """The number of tokens in the longest sequence."""
        return max(len(one.input_ids) for one in self.sequences.values())

    @property
    def tokens(self) -> int:
        """The number of tokens in all sequences."""
        return sum(len(one.input_ids) for one in self.sequences.values())

    @property
    def scored(self) -> int:
        """The number of scored tokens in all sequences."""
        return sum(one.scored for one in self.sequences.values())

    def cut(self, length: int) -> "Example":
        """Return the example with each sequence truncated to `length` tokens."""
        return Example(
            {
                name: Encoded(one.input_ids[:length], one.labels[:length])
                for name, one in self.sequences.items()
            }
        )


def completion(
    input_ids: tuple[int, ...], labels: tuple[int, ...], left_out: tuple[str, ...] = ()
) -> Example:
    """Return the example of a conversation."""
    return Example({COMPLETION: Encoded(input_ids, labels)}, left_out)
