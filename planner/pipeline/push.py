"""Push: to the repository that `results.push_to` names."""

from planner.pipeline.kind import PlannedKind, Settings, Wanted


def _settings(wanted: Wanted) -> list[Settings]:
    repo = wanted.answers.text("results.push_to")
    return [{"to": repo, "private": wanted.answers.flag("results.private")}] if repo else []


KIND = PlannedKind("to the Hub, with its own login", _settings)
