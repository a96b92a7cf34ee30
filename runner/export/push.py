"""Files of a run on the Hub: one commit, that can be tried again."""

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
    """One file that left the machine."""

    name: str
    """In the repository."""
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Pushed:
    """What a push left on the Hub."""

    url: str
    """The repository's page."""
    commit: str
    """The commit that holds the files, 40 hex digits."""
    sent: tuple[Sent, ...]


def check_access(repo: str) -> str:
    """Return the name of the user, who may write to `owner/name` or create it.

    Nothing is written. A repository that exists is asked about by itself; for one that does not,
    the owner must be the user or an organisation of theirs, and the token must reach it. Raises
    UsageProblem for no login, a token that is not accepted and a lack of rights.
    """
    owner, api = _owner(repo), client()
    with sentences(repo):
        user = api.whoami()
    token = user.get("auth", {}).get("accessToken") or {}
    if token.get("role") == "read":
        raise UsageProblem(
            f"The token of `{user['name']}` is for reading only.",
            fix=Steps(
                (
                    Advice(f"make one that can write at {_TOKENS_PAGE}"),
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
    told: Callable[[int, int], None],
) -> Pushed:
    """Put files into `owner/name` under their names as one commit; create it where it is missing.

    Large files go first, one by one, and the commit names them at the end: a push that fails
    leaves the branch as it was, and the next one sends only what is missing. Equal files make
    no commit. What only the repository has stays there. `told` gets the bytes done and the bytes
    in all. Raises UsageProblem for no files, for one that is no plain file with one name, a public
    repository where a private one is wanted, and what the Hub refuses.
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
                f"`{repo}` exists and is public, and a private one is wanted.",
                fix=(Advice(f"make it private at {url}/settings"), Advice("name another")),
            )
        for operation in operations:
            told(done, total)
            api.preupload_lfs_files(repo, [operation])
            done += operation.upload_info.size
        commit = api.create_commit(repo, operations, commit_message=message)
    told(total, total)
    sent = [
        Sent(one.path_in_repo, one.upload_info.size, one.upload_info.sha256.hex())
        for one in operations
    ]
    return Pushed(url, commit.oid, tuple(sent))


def _check_plain(files: Mapping[str, Path]) -> None:
    """Raise UsageProblem for a link, or a file that has another name elsewhere too."""
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
                f"`{path}` is no plain file of this run, and only those are pushed.",
                fix=Command("ls -l {}", path.parent),
            )
    if not files:
        raise UsageProblem(
            "There are no files to push.", fix=Command("tunelock run run.lock --fresh")
        )


@contextmanager
def _sentences(repo: str) -> Iterator[None]:
    """Add what only a push can meet, such as a model card that is not valid, to the sentences."""
    try:
        with sentences(repo):
            yield
    except ValueError as problem:
        reason = " ".join(str(problem).split())
        raise UsageProblem(
            f"The Hub refuses the files for `{repo}`: {reason}",
            fix=Advice("edit them and push again"),
        ) from None


def _owner(repo: str) -> str:
    found = _NAME.fullmatch(repo)
    if not found:
        raise UsageProblem(
            f"`{repo}` is no name of a repository on the Hub.", fix=Advice("use `owner/name`")
        )
    return found[1]


def _refusal(api: "HfApi", repo: str) -> int:
    """Return the status of the Hub's refusal to write there: 0 for none, 401 or 404 for no such."""
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
    """Whether the user may create a repository of `owner` with this token.

    Source: the answer of the Hub's `whoami-v2`, where a fine-grained token lists its grants.
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
            Advice(f"see its grants at {_TOKENS_PAGE}"),
            Advice(f"name a repository `{user}/...`"),
        ),
    )
