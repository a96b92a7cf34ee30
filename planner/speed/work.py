"""What a pass asks of the card and of its host."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """Amounts of work of each kind, which add up."""

    matrix_flops: float = 0.0
    """Operations of matrix products."""
    attention_flops: float = 0.0
    """Operations of fused attention, on the pairs of tokens that see each other."""
    masked_flops: float = 0.0
    """Operations of attention under a mask, on all pairs."""
    traffic_bytes: float = 0.0
    """What operations on single elements read and write, and weights that products read."""
    whole_bytes: float = 0.0
    """What is read and written where quantised weights are made whole."""
    launches: float = 0.0
    """Operations that the host starts."""

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.matrix_flops + other.matrix_flops,
            self.attention_flops + other.attention_flops,
            self.masked_flops + other.masked_flops,
            self.traffic_bytes + other.traffic_bytes,
            self.whole_bytes + other.whole_bytes,
            self.launches + other.launches,
        )

    def __mul__(self, times: float) -> "Work":
        return Work(
            self.matrix_flops * times,
            self.attention_flops * times,
            self.masked_flops * times,
            self.traffic_bytes * times,
            self.whole_bytes * times,
            self.launches * times,
        )
