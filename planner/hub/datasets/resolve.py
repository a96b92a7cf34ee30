"""From a reference to the exact files of one split at one commit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Steps
from lockfiles.lock import is_data_file_name
from planner.hub.datasets.configs import DEFAULT, Config, converted, in_folder
from planner.hub.datasets.contents import CONVERTED, Contents, Look
from planner.hub.datasets.isolated import configs
from planner.hub.datasets.kinds import Unreadable, row_files
from planner.hub.datasets.reference import MAIN, Reference
from planner.models.facts import FileFact

_SHOWN = 20


@dataclass(frozen=True)
class HubSplit:
    """One split of a dataset on the Hub, pinned."""

    repo: str
    revision: str
    """The branch, tag or commit where it was found: as asked for, or where the Hub converts it."""
    commit: str
    """40 hex digits."""
    config: str
    split: str
    """As the dataset calls it."""
    files: tuple[FileFact, ...]
    """By name; before they are fetched, the digest is empty where the Hub states none."""

    def __str__(self) -> str:
        return str(Reference(self.repo, self.revision, self.config, self.split))


def resolve(reference: Reference, use: str, look: Look) -> HubSplit:
    """Return the files that a reference names.

    `use` is the split that is meant where it names none. Its files are those that the dataset's
    card states, or that are called by it; what is not read here is taken as the Hub has converted
    it to Parquet. Raises UsageProblem as `contents` does, for a
    config or split that is not there, with those that are, and for files that are not read here.
    """
    found = look(reference.repo, reference.revision)
    try:
        if found is None:
            raise Unreadable("the Hub has not converted it to Parquet")
        return _chosen(found, reference, use)
    except Unreadable as problem:
        return _converted(reference, use, str(problem), look)


def _chosen(found: Contents, reference: Reference, use: str) -> HubSplit:
    names = [file.name for file in found.files]
    if found.revision == CONVERTED:
        offered = converted(names)
    else:
        _check_no_script(found.repo, names)
        offered = configs(found.card, names)
    config = _config(offered, reference, None if found.card else names)
    if config.trouble:
        raise Unreadable(config.trouble)
    split = _split(config, reference, use)
    wanted = set(row_files(config.splits[split]))
    if odd := [name for name in wanted if not is_data_file_name(name)]:
        raise Unreadable(f"it has a file of the name {odd[0]!r}")
    files = tuple(file for file in found.files if file.name in wanted)
    return HubSplit(found.repo, found.revision, found.commit, config.name, split, files)


def _converted(reference: Reference, use: str, trouble: str, look: Look) -> HubSplit:
    """Return the split as the Hub has converted it, which it does of `main` only."""
    try:
        found = look(reference.repo, CONVERTED) if reference.revision == MAIN else None
        if found:
            return _chosen(found, reference, use)
    except Unreadable:
        pass  # what is said is why the dataset itself cannot be read
    raise UsageProblem(
        f"`{reference}` cannot be read: {trouble}"
        + (", and the Hub has not converted it to Parquet." if reference.revision == MAIN else "."),
        fix=Steps(
            (
                Command("hf download --repo-type dataset {}", reference.repo, to="fetch its files"),
                Advice("make JSONL of them"),
                Advice("name that file"),
            )
        ),
    )


def _check_no_script(repo: str, names: Sequence[str]) -> None:
    script = f"{repo.rpartition('/')[2]}.py"
    if script in names:
        raise Unreadable(f"it is made by the script `{script}`, which is never run")


def _config(offered: Sequence[Config], reference: Reference, names: list[str] | None) -> Config:
    """Return the config that is meant; without a card, `names` may have a folder that is one."""
    if not reference.config:
        chosen = [one for one in offered if one.is_default]
        if len(chosen) == 1:
            return chosen[0]
        fault = "says no config, and there are"
    else:
        chosen = [one for one in offered if one.name == reference.config]
        if chosen:
            return chosen[0]
        if names and (found := in_folder(reference.config, names)):
            return found
        fault = f"has no config `{reference.config}`; it has"
    raise UsageProblem(
        f"`{replace(reference, config='', split='')}` {fault} {_listed(o.name for o in offered)}.",
        fix=_written(offered, reference),
    )


def _written(offered: Sequence[Config], reference: Reference) -> Advice:
    """Return how to write it; where a split stands in the place of a config, with its config."""
    for one in offered:
        if one.is_default and reference.config in one.splits and not reference.split:
            meant = replace(reference, config=one.name or DEFAULT, split=reference.config)
            return Advice(f"write `{meant}`")
    first = replace(reference, config=offered[0].name)
    return Advice(f"write `{first}`, or with another of them")


def _split(config: Config, reference: Reference, use: str) -> str:
    wanted = reference.split or use
    if wanted in config.splits:
        return wanted
    named = replace(reference, config=config.name, split="")
    if not config.splits:
        raise Unreadable(f"its config `{config.name}` holds no data files")
    raise UsageProblem(
        f"`{named}` has no split `{wanted}`; it has {_listed(config.splits)}.",
        fix=Advice(
            f"write `{replace(named, split=next(iter(config.splits)))}`, or with another of them"
        ),
    )


def _listed(names: Iterable[str]) -> str:
    listed = [f"`{name}`" for name in names]
    more = [f"{len(listed) - _SHOWN} more"] if listed[_SHOWN:] else []
    return ", ".join(listed[:_SHOWN] + more)
