"""Pushes files of a run to the Hub as one commit, which can be retried."""

import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Steps
from planner.hub.client import client, sentences

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)/[A-Za-z0-9._-]+")
_TOKENS_PAGE = "https://huggingface.co/settings/tokens"


@dataclass(frozen=True)
class Sent:
    """One file that was sent."""

    name: str
    """Its name in the repository."""
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Pushed:
    """The result of a push."""

    url: str
    """The repository's page."""
    commit: str
    """The commit that holds the files, 40 hex digits."""
    sent: tuple[Sent, ...]


def check_access(repo: str) -> str:
    """Return the name of the user, after checking that they may write to or create `owner/name`.

    Writes nothing. For an existing repository the Hub is asked directly. For a new one, the owner
    must be the user or one of their organizations, and the token must cover it. Raises UsageProblem
    without a login, for a rejected token and for missing permissions.
    """
    owner, api = _owner(repo), client()
    with sentences(repo):
        user = api.whoami()
    token = user.get("auth", {}).get("accessToken") or {}
    if token.get("role") == "read":
        raise UsageProblem(
            f"The token of `{user['name']}` is read-only.",
            fix=Steps(
                (
                    Advice(f"create one with write permission at {_TOKENS_PAGE}"),
                    Command("hf auth login --force"),
                )
            ),
        )
    refusal = _refusal(api, repo)
    if refusal == 403 or (refusal and not _may_create(user, token, owner)):
        raise _no_rights(repo, user["name"])
    return str(user["name"])


def push(
    files: Mapping[str, Path],
    repo: str,
    *,
    private: bool,
    message: str,
    on_progress: Callable[[int, int], None],
) -> Pushed:
    """Upload files to `owner/name` as one commit; create the repository if it is missing.

    Large files are uploaded first, one by one, then the commit: a failed push leaves the branch
    unchanged, and the next one sends only what is missing. Identical files make no commit. Other
    files of the repository are kept. `on_progress` gets the bytes done and the total. Raises
    UsageProblem without files, for a link or a file with several names, for a public repository if
    a private one is wanted, and for what the Hub refuses.
    """
    from huggingface_hub import CommitOperationAdd

    _owner(repo)
    _check_plain(files)
    total, done = sum(path.stat().st_size for path in files.values()), 0
    operations = [CommitOperationAdd(name, path) for name, path in files.items()]
    api = client()
    with _sentences(repo):
        url = str(api.create_repo(repo, private=private, exist_ok=True))
        if private and not api.model_info(repo).private:
            raise UsageProblem(
                f"`{repo}` exists and is public, but the lock asks for a private repository.",
                fix=(
                    Advice(f"make it private at {url}/settings"),
                    Advice("use another repository"),
                ),
            )
        for operation in operations:
            on_progress(done, total)
            api.preupload_lfs_files(repo, [operation])
            done += operation.upload_info.size
        commit = api.create_commit(repo, operations, commit_message=message)
    on_progress(total, total)
    sent = [
        Sent(one.path_in_repo, one.upload_info.size, one.upload_info.sha256.hex())
        for one in operations
    ]
    return Pushed(url, commit.oid, tuple(sent))


def _check_plain(files: Mapping[str, Path]) -> None:
    """Raise UsageProblem for a symbolic link, or a file with another hard link."""
    for path in files.values():
        try:
            found = path.lstat()
        except OSError as problem:
            raise UsageProblem(
                f"`{path}` cannot be read: {problem.strerror}.",
                fix=Command("ls -l {}", path.parent),
            ) from None
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise UsageProblem(
                f"`{path}` is not a regular file of this run, so it cannot be pushed.",
                fix=Command("ls -l {}", path.parent),
            )
    if not files:
        raise UsageProblem(
            "There are no files to push.", fix=Command("tunelock run run.lock --fresh")
        )


@contextmanager
def _sentences(repo: str) -> Iterator[None]:
    """Translate errors that only a push can cause, such as an invalid model card."""
    try:
        with sentences(repo):
            yield
    except ValueError as problem:
        reason = " ".join(str(problem).split())
        raise UsageProblem(
            f"The Hub refused the files for `{repo}`: {reason}",
            fix=Advice("edit them and push again"),
        ) from None


def _owner(repo: str) -> str:
    found = _NAME.fullmatch(repo)
    if not found:
        raise UsageProblem(
            f"`{repo}` is not a repository name.", fix=Advice("use the form `owner/name`")
        )
    return found[1]


def _refusal(api: "HfApi", repo: str) -> int:
    """Return the status of the Hub's refusal to write: 0 for none, 401 or 404 if it is missing."""
    from huggingface_hub.errors import HfHubHTTPError

    with sentences(repo):
        try:
            api.auth_check(repo, write=True)
        except HfHubHTTPError as problem:
            if problem.response.status_code not in (401, 403, 404):
                raise
            return problem.response.status_code
    return 0


def _may_create(user: dict[str, Any], token: dict[str, Any], owner: str) -> bool:
    """Return whether the user may create a repository of `owner` with this token.

    Source: the Hub's `whoami-v2`, which lists the permissions of a fine-grained token.
    """
    roles = {item["name"]: item.get("roleInOrg") for item in user.get("orgs", ())}
    if owner != user["name"] and roles.get(owner, "read") == "read":
        return False
    if token.get("role") != "fineGrained":
        return True
    grants = token.get("fineGrained", {}).get("scoped", ())
    return any(
        grant["entity"].get("name") == owner and "repo.write" in grant["permissions"]
        for grant in grants
    )


def _no_rights(repo: str, user: str) -> UsageProblem:
    return UsageProblem(
        f"The token of `{user}` may neither write to `{repo}` nor create it.",
        fix=(
            Advice(f"check its permissions at {_TOKENS_PAGE}"),
            Advice(f"use a repository `{user}/...`"),
        ),
    )
