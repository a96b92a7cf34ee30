"""The work of a pass for the card and its host."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """Amounts of work, which can be added."""

    matrix_flops: float = 0.0
    """Operations of matrix products."""
    fp8_flops: float = 0.0
    """Operations of matrix products in FP8."""
    attention_flops: float = 0.0
    """Operations of fused attention, on pairs of tokens that attend to each other."""
    masked_flops: float = 0.0
    """Operations of masked attention, on all pairs."""
    traffic_bytes: float = 0.0
    """Bytes read and written by elementwise operations, and weights read by products."""
    expert_bytes: float = 0.0
    """Bytes of experts' weights that grouped products read."""
    dequantized_bytes: float = 0.0
    """Bytes read and written to dequantize weights."""
    launches: float = 0.0
    """Operations that the host launches."""
    host_only: float = 0.0
    """What the host does besides, in launches that take it as long."""

    @property
    def host_launches(self) -> float:
        """What the host does, in launches."""
        return self.launches + self.host_only

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.matrix_flops + other.matrix_flops,
            self.fp8_flops + other.fp8_flops,
            self.attention_flops + other.attention_flops,
            self.masked_flops + other.masked_flops,
            self.traffic_bytes + other.traffic_bytes,
            self.expert_bytes + other.expert_bytes,
            self.dequantized_bytes + other.dequantized_bytes,
            self.launches + other.launches,
            self.host_only + other.host_only,
        )

    def __mul__(self, times: float) -> "Work":
        return Work(
            self.matrix_flops * times,
            self.fp8_flops * times,
            self.attention_flops * times,
            self.masked_flops * times,
            self.traffic_bytes * times,
            self.expert_bytes * times,
            self.dequantized_bytes * times,
            self.launches * times,
            self.host_only * times,
        )
