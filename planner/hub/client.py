"""The client of the Hub, with its errors as sentences."""

import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Steps

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

Kind = Literal["model", "dataset"]
"""The type of a repository."""
_ADDRESS = re.compile(r"https?://(?:www\.)?huggingface\.co/(?:datasets/)?([\w.-]+/[\w.-]+)")
_CALLED: dict[Kind, str] = {"model": "repository", "dataset": "dataset"}


def client() -> "HfApi":
    """Return the client of the Hub, without progress bars, logs and telemetry.

    Call it before importing anything else from huggingface_hub, which reads its environment
    variables on import.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    return HfApi(library_name="tunelock")


class Unread(UsageProblem):
    """A repository could not be read."""


class Unreachable(Unread):
    """The Hub was not asked, or did not answer."""


@contextmanager
def sentences(repo: str, revision: str = "", *, kind: Kind = "model") -> Iterator[None]:
    """Convert errors of the Hub's client to a UsageProblem with a hint."""
    import httpx2
    from huggingface_hub.errors import (
        HFValidationError,
        LocalTokenNotFoundError,
        SafetensorsParsingError,
    )

    try:
        yield
    except HFValidationError:
        found = _ADDRESS.match(repo)
        right = f"{found[1]}" if found else "owner/name"
        raise UsageProblem(
            f"`{repo}` is not a valid repository name.", fix=Advice(f"use `{right}`")
        ) from None
    except SafetensorsParsingError:
        raise UsageProblem(
            f"The weights of `{repo}` have a broken safetensors header.",
            fix=Advice("choose another model"),
        ) from None
    except json.JSONDecodeError:
        raise UsageProblem(
            f"What answered for `{repo}` is not a Hub.",
            fix=Advice("check the variable HF_ENDPOINT"),
        ) from None
    except LocalTokenNotFoundError:
        raise UsageProblem(
            f"`{repo}` requires a login to the Hub.", fix=Command("hf auth login")
        ) from None
    except httpx2.HTTPError as problem:
        raise _sentence(problem, repo, revision, kind) from None
    except (OSError, RuntimeError) as problem:
        raise _sentence(problem.__cause__ or problem, repo, revision, kind) from None


def _sentence(problem: BaseException, repo: str, revision: str, kind: Kind) -> UsageProblem:
    import httpx2
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{repo}"
    if isinstance(problem, errors.OfflineModeIsEnabled):
        return Unreachable(
            f"`HF_HUB_OFFLINE` is set, so `{repo}` cannot be looked up on the Hub.",
            fix=(Command("export HF_HUB_OFFLINE=0"), Advice("name a local folder")),
        )
    if isinstance(problem, errors.GatedRepoError):
        return Unread(
            f"`{repo}` is gated, and you do not have access to it.",
            fix=Steps((Advice(f"request access at {page}"), Command("hf auth login"))),
        )
    if isinstance(problem, errors.RepositoryNotFoundError):
        return Unread(
            f"The Hub has no {_CALLED[kind]} `{repo}` that you can access.",
            fix=(Advice("check the name"), Command("hf auth login", to="for a private one")),
        )
    if isinstance(problem, errors.RevisionNotFoundError):
        return UsageProblem(
            f"`{repo}` has no revision `{revision}`.", fix=Advice(f"see {page}/commits/main")
        )
    if isinstance(problem, errors.HfHubHTTPError):
        return _status(problem, repo)
    if isinstance(problem, httpx2.HTTPError):
        return Unreachable(
            f"The Hub at `{constants.ENDPOINT}` cannot be reached: {_unreached(problem)}.",
            fix=Advice("check the network and the variables HF_ENDPOINT and HTTPS_PROXY"),
        )
    reason = getattr(problem, "strerror", None)
    said = f": {reason}" if reason else ""
    return UsageProblem(f"The transfer for `{repo}` failed{said}.", fix=Advice("try again"))


def _unreached(problem: BaseException) -> str:
    """Return why a server did not answer, as a clause."""
    import httpx2

    if isinstance(problem, httpx2.TimeoutException):
        return "it did not answer in time"
    if isinstance(problem, httpx2.ProxyError):
        return "the proxy refused the connection"
    if isinstance(problem, httpx2.ConnectError):
        return "no connection"
    return "the connection was lost"


def _status(problem: "HfHubHTTPError", repo: str) -> UsageProblem:
    status = problem.response.status_code
    if status in (401, 403):
        return UsageProblem(
            f"The Hub refuses access to `{repo}` (status {status}).",
            fix=Command("hf auth login", note="a variable HF_TOKEN overrides it"),
        )
    return UsageProblem(
        f"The Hub answered with status {status} for `{repo}`.",
        fix=Advice("try again in a few minutes; https://status.huggingface.co shows outages"),
    )
