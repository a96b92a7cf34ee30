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
    sends=True,
    needs=(kinds("train", "merge"),),
    answers=("results.push_to", "results.private"),
)
