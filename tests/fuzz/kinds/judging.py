"""One verdict of the commands that read a spoiled file."""

from collections.abc import Sequence

from tests.fuzz.commands import Ended
from tests.fuzz.pool import Meter, Verdict


def together(ended: Sequence[Ended], meter: Meter, what: str, file: bytes) -> Verdict:
    """Return the verdict of several commands: the first fault of each kind, the first exit code.

    Accepted is what every command took.
    """
    codes = [one.code for one in ended if one.code != 0]
    return Verdict(
        code=codes[0] if codes else 0,
        traceback=next((one.traceback for one in ended if one.traceback), ""),
        unsaid=next((one.unsaid for one in ended if one.unsaid), ""),
        steering=next((one.steering for one in ended if one.steering), ""),
        what=what,
        file=file[: 1 << 18].decode("utf-8", "replace"),
        seconds=meter.seconds,
        waited_seconds=meter.waited_seconds,
        peak_bytes=meter.peak_bytes,
    )
