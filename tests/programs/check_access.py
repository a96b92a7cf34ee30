"""Asks the Hub who may write to each repository of a JSON list; prints the user or the error."""

import json
import sys

from lockfiles.errors import UsageProblem
from runner.export.push import check_access


def writer(repo: str) -> object:
    try:
        return check_access(repo)
    except UsageProblem as problem:
        return [problem.message, problem.hint]


if __name__ == "__main__":
    print(json.dumps([writer(repo) for repo in json.loads(sys.argv[1])]))
