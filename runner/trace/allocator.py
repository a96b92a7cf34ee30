"""Memory that an allocator uses for tensors beyond their own bytes.

On a GPU torch's allocator splits blocks off segments, and keeps a remainder that is too small with
its block: a few percent for a small model (`c10/cuda/CUDACachingAllocator.cpp`).
"""

from bisect import bisect_left, insort
from dataclasses import dataclass

_MIB = 1 << 20
_STEP = 512
"""Sizes are rounded up to a multiple of this."""
_SMALL = _MIB
"""Blocks up to this size come from separate segments, which are always split."""
_SMALL_SEGMENT, _SEGMENT = 2 * _MIB, 20 * _MIB
_LARGE = 10 * _MIB
"""From this size on, a block that no cached one can hold gets a segment in steps of 2 MiB."""


@dataclass(eq=False)
class Block:
    """A piece of a segment, between its neighbors."""

    size: int
    """Bytes, including a remainder that was not split off."""
    small: bool
    """Whether it belongs to the pool of small blocks."""
    number: int
    """Blocks of one size are taken in this order."""
    free: bool = True
    before: "Block | None" = None
    behind: "Block | None" = None


class Exact:
    """Allocates exactly the requested size, as a heap of single mappings does."""

    def __init__(self) -> None:
        self.allocated = 0
        """Bytes that are in use."""

    def take(self, size: int) -> Block:
        """Return a block of `size` bytes."""
        self.allocated += size
        return Block(size, False, 0, free=False)

    def give(self, block: Block) -> None:
        """Free a block."""
        self.allocated -= block.size


class Caching(Exact):
    """Allocates as torch's caching allocator does, without `expandable_segments`."""

    def __init__(self) -> None:
        super().__init__()
        self._pools: dict[bool, list[tuple[int, int, Block]]] = {True: [], False: []}
        self._made = 0

    def take(self, size: int) -> Block:
        """Return the smallest free block that holds `size` bytes, or a new segment's."""
        size = max(1, -(-size // _STEP)) * _STEP
        small = size <= _SMALL
        pool = self._pools[small]
        at = bisect_left(pool, (size, -1))
        block = pool.pop(at)[2] if at < len(pool) else self._segment(size, small)
        block.free = False
        self._split(block, size)
        self.allocated += block.size
        return block

    def give(self, block: Block) -> None:
        """Free a block, and merge it with free neighbors."""
        self.allocated -= block.size
        if block.before and block.before.free:
            block = self._joined(self._taken_out(block.before), block)
        if block.behind and block.behind.free:
            block = self._joined(block, self._taken_out(block.behind))
        self._put(block)

    def _segment(self, size: int, small: bool) -> Block:
        if small:
            return self._block(_SMALL_SEGMENT, small)
        whole = -(-size // _SMALL_SEGMENT) * _SMALL_SEGMENT
        return self._block(_SEGMENT if size < _LARGE else whole, small)

    def _split(self, block: Block, size: int) -> None:
        rest = block.size - size
        if rest < _STEP or (not block.small and rest <= _SMALL):
            return
        left = self._block(rest, block.small)
        left.before, left.behind = block, block.behind
        if block.behind:
            block.behind.before = left
        block.behind, block.size = left, size
        self._put(left)

    def _block(self, size: int, small: bool) -> Block:
        self._made += 1
        return Block(size, small, self._made)

    def _put(self, block: Block) -> None:
        block.free = True
        insort(self._pools[block.small], (block.size, block.number, block))

    def _taken_out(self, block: Block) -> Block:
        pool = self._pools[block.small]
        pool.pop(bisect_left(pool, (block.size, block.number)))
        return block

    def _joined(self, block: Block, behind: Block) -> Block:
        block.size += behind.size
        block.behind = behind.behind
        if behind.behind:
            behind.behind.before = block
        return block
