"""When Python looks for garbage in cycles: not while it imports, nor among what a run keeps.

It visits all objects each time that their number has grown by a quarter. Those of the
training stack are about half a million, of which none is garbage: that took a sixth of the time of
its imports, and a quarter of a second now and then between two steps.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Collect nothing, and then leave what is there out of all collections."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def running() -> Iterator[None]:
    """Collect what is garbage, and then leave what is there out until the end."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
