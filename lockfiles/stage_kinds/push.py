"""Push: uploads results to the Hub, with the consent of the person who runs the lock."""

from lockfiles.fields import HubName
from lockfiles.stage_kinds.kind import Settings as Base
from lockfiles.stage_kinds.kind import StageKind, kinds


class Settings(Base):
    """The destination of the upload."""

    to: HubName
    private: bool


KIND = StageKind(
    "push",
    Settings,
    reads=kinds("train", "merge", "gguf"),
    needs=(kinds("train", "merge"),),
    untrained=(kinds("gguf"),),
    answers=("results.push_to", "results.private"),
)
