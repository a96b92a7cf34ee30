"""Slow, pure work in a separate thread, awaited by a worker of the application.

The thread is a daemon, so that leaving never waits for it. If the worker is cancelled, the thread
ends at its next result.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TypeVar

Result = TypeVar("Result")


async def each(work: Callable[[], Iterable[Result]]) -> AsyncGenerator[Result, None]:
    """Yield the values of `work` as they come. Raises what it raises."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[Result, ...] | BaseException]()
    unwanted = threading.Event()

    def send(item: tuple[Result, ...] | BaseException) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def run() -> None:
        try:
            for result in work():
                if unwanted.is_set():
                    return
                send((result,))
            send(())
        except BaseException as problem:
            send(problem)

    threading.Thread(target=run, daemon=True, name="wizard facts").start()
    try:
        while (item := await queue.get()) != ():
            if isinstance(item, BaseException):
                raise item
            yield item[0]
    finally:
        unwanted.set()


async def one(work: Callable[[], Result]) -> Result:
    """Return the result of `work`. Raises what it raises."""
    async for result in each(lambda: iter([work()])):
        return result
    raise AssertionError("work returned nothing")
