"""What the stand-in for the Hub knows and answers: repositories in memory, one user, one token.

The answers are those that huggingface_hub 2.4 reads. `tests.hub_server` puts them on a socket.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

Files = Mapping[str, bytes]
PAGE = 1000
"""Entries of a tree in one answer, as the Hub has it."""


@dataclass
class Repository:
    """One repository; the name of a dataset begins with `datasets/`."""

    commits: dict[str, Files] = field(default_factory=dict)
    """The files of each commit, by its 40 hex digits, oldest first."""
    branches: dict[str, str] = field(default_factory=dict)
    """The commit of each branch and tag."""
    messages: list[str] = field(default_factory=list)
    """The message of each commit, oldest first."""
    private: bool = False
    gated: bool = False
    """Whether its files are refused to everybody; its description stays public."""
    license: str = ""

    def commit(self, files: Files, message: str, branch: str = "main") -> str:
        """Put a commit on a branch and return it."""
        seed = [message, len(self.commits), *sorted((n, blob_id(d)) for n, d in files.items())]
        oid = hashlib.sha1(json.dumps(seed).encode()).hexdigest()
        self.commits[oid] = dict(files)
        self.branches[branch] = oid
        self.messages.append(message)
        return oid


@dataclass(frozen=True)
class Request:
    """One request that the server got."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case name."""
    query: dict[str, str] = field(default_factory=dict)
    """What stands behind the path's question mark."""


class Refusal(Exception):
    """An answer that is an error, as the Hub words it."""

    def __init__(self, status: int, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True)
class Answer:
    """An answer to send."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def blob_id(data: bytes) -> str:
    """Return the name that git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _json(value: object, status: int = 200) -> Answer:
    return Answer(json.dumps(value).encode(), status, {"Content-Type": "application/json"})


def _is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".gguf", ".bin", ".parquet", ".gz"))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Hub:
    """The Hub, for one user with one token."""

    def __init__(self, *, user: str = "ana", role: str = "write") -> None:
        self.url = ""
        """Its address, for `HF_ENDPOINT`."""
        self.user = user
        self.token = "hf_stand_in"
        self.role = role
        """What the token may do: `read`, `write` or `fineGrained`."""
        self.scoped: list[dict[str, Any]] = []
        """The grants of a fine-grained token."""
        self.organisations: dict[str, str] = {}
        """The user's role in each organisation."""
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        """Uploaded large files, by sha256."""

    def answer(self, request: Request, body: bytes) -> Answer:
        """Return the answer to a request; raises Refusal."""
        for method, pattern, handle in _ROUTES:
            if method == request.method and (found := re.fullmatch(pattern, request.path)):
                return handle(self, request, body, *map(unquote, found.groups()))
        raise Refusal(404, f"No such route: {request.method} {request.path}")

    def _is_logged_in(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.token}"

    def _readable(self, request: Request, name: str) -> Repository:
        repository, known = self.repositories.get(name), self._is_logged_in(request)
        if repository is None or (repository.private and not known):
            raise Refusal(404 if known else 401, "Repository not found", code="RepoNotFound")
        return repository

    def _writable(self, request: Request, name: str) -> None:
        if not self._is_logged_in(request):
            raise Refusal(401, "Invalid username or password.")
        owner = name.split("/")[0]
        granted = {grant["entity"]["name"] for grant in self.scoped}
        member = owner == self.user or self.organisations.get(owner, "read") != "read"
        scoped = self.role != "fineGrained" or granted & {owner, name}
        if self.role == "read" or not member or not scoped:
            raise Refusal(403, f"You have no right to write to {owner}")

    def _snapshot(self, request: Request, name: str, revision: str) -> tuple[str, Files]:
        repository = self._readable(request, name)
        oid = repository.branches.get(revision, revision)
        if oid not in repository.commits:
            raise Refusal(404, f"Invalid rev id: {revision}", code="RevisionNotFound")
        return oid, repository.commits[oid]

    def who(self, request: Request, _: bytes) -> Answer:
        if not self._is_logged_in(request):
            raise Refusal(401, "Invalid credentials in Authorization header")
        organisations = [{"name": n, "roleInOrg": r} for n, r in self.organisations.items()]
        token = {"role": self.role, "fineGrained": {"scoped": self.scoped}}
        auth = {"type": "access_token", "accessToken": token}
        return _json({"type": "user", "name": self.user, "orgs": organisations, "auth": auth})

    def info(self, request: Request, _: bytes, name: str, revision: str = "main") -> Answer:
        oid, files = self._snapshot(request, name, revision)
        repository = self.repositories[name]
        card = {"license": repository.license} if repository.license else {}
        about = {
            "id": name.removeprefix("datasets/"),
            "sha": oid,
            "private": repository.private,
            "cardData": card,
        }
        gated = "manual" if repository.gated else False
        siblings = [{"rfilename": path, **_facts(path, data)} for path, data in files.items()]
        return _json({**about, "gated": gated, "siblings": siblings})

    def tree(self, request: Request, _: bytes, name: str, revision: str) -> Answer:
        files = self._snapshot(request, name, revision)[1]
        facts = ((path, _facts(path, data)) for path, data in files.items())
        listed = [{"type": "file", "path": p, "oid": f["blobId"], **f} for p, f in facts]
        listed += [{"type": "directory", "path": p, "oid": "0" * 40} for p in _folders(files)]
        begin = int(request.query.get("cursor", 0))
        answer = _json(listed[begin : begin + PAGE])
        if listed[begin + PAGE :]:
            here = f"{self.url}{request.path}?recursive=true&cursor={begin + PAGE}"
            answer.headers["Link"] = f'<{here}>; rel="next"'
        return answer

    def file(self, request: Request, _: bytes, name: str, revision: str, path: str) -> Answer:
        oid, files = self._snapshot(request, name, revision)
        if self.repositories[name].gated:
            raise Refusal(403, f"Access to {name} is restricted", code="GatedRepo")
        if path not in files:
            raise Refusal(404, "Entry not found", code="EntryNotFound")
        data = files[path]
        etag = _etag(path, data)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": oid, "Accept-Ranges": "bytes"}
        if _is_large(path):
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(data))}
        return _part(data, request.headers.get("range", ""), headers)

    def check(self, request: Request, _: bytes, name: str) -> Answer:
        self._readable(request, name)
        self._writable(request, name)
        return Answer(b"")

    def create(self, request: Request, body: bytes) -> Answer:
        wanted = json.loads(body)
        name = f"{wanted.get('organization') or self.user}/{wanted['name']}"
        self._writable(request, name)
        url = {"url": f"{self.url}/{name}"}
        if name in self.repositories:
            return _json(url, 409)
        private = wanted.get("private", wanted.get("visibility") == "private")
        self.repositories[name] = Repository(private=private)
        self.repositories[name].commit({}, "initial commit")
        return _json(url)

    def validate(self, _: Request, body: bytes) -> Answer:
        return _json({"errors": [], "warnings": []})

    def preupload(self, request: Request, body: bytes, name: str, revision: str) -> Answer:
        self._writable(request, name)
        present = self._snapshot(request, name, revision)[1]
        paths = [file["path"] for file in json.loads(body)["files"]]
        modes = [
            {
                "path": path,
                "uploadMode": "lfs" if _is_large(path) else "regular",
                "shouldIgnore": False,
                "oid": _etag(path, present[path]) if path in present else None,
            }
            for path in paths
        ]
        return _json({"files": modes})

    def batch(self, request: Request, body: bytes, name: str) -> Answer:
        self._writable(request, name)
        objects = [item | self._actions(item["oid"]) for item in json.loads(body)["objects"]]
        return _json({"transfer": "basic", "objects": objects})

    def _actions(self, oid: str) -> dict[str, object]:
        if oid in self.objects:
            return {}
        href = f"{self.url}/objects/{oid}"
        return {"actions": {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}}

    def upload(self, _: Request, body: bytes, oid: str) -> Answer:
        if _sha256(body) != oid:
            raise Refusal(400, "The content is not what was announced.")
        self.objects[oid] = body
        return Answer(b"")

    def verify(self, _: Request, body: bytes, oid: str) -> Answer:
        if len(self.objects.get(oid, b"")) != json.loads(body)["size"]:
            raise Refusal(404, "Object not found")
        return Answer(b"")

    def commit(self, request: Request, body: bytes, name: str, revision: str) -> Answer:
        self._writable(request, name)
        present = self._snapshot(request, name, revision)[1]
        header, *operations = (json.loads(line) for line in body.splitlines())
        files = dict(present)
        for operation in operations:
            value = operation["value"]
            if operation["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "lfsFile" and value["oid"] in self.objects:
                files[value["path"]] = self.objects[value["oid"]]
            else:
                raise Refusal(400, f"No such object or operation: {operation['key']}")
        oid = self.repositories[name].commit(files, header["value"]["summary"])
        return _json({"commitOid": oid, "commitUrl": f"{self.url}/{name}/commit/{oid}"})


def _folders(files: Files) -> list[str]:
    """Return the folders that the files lie in."""
    parts = (name.split("/")[:-1] for name in files)
    return sorted({"/".join(part[:depth]) for part in parts for depth in range(1, len(part) + 1)})


def _facts(name: str, data: bytes) -> dict[str, object]:
    facts: dict[str, object] = {"size": len(data), "blobId": _oid(name, data)}
    if _is_large(name):
        facts["lfs"] = {
            "size": len(data), "sha256": _sha256(data), "oid": _sha256(data),
            "pointerSize": len(_pointer(data)),
        }  # fmt: skip
    return facts


def _etag(name: str, data: bytes) -> str:
    return _sha256(data) if _is_large(name) else blob_id(data)


def _oid(name: str, data: bytes) -> str:
    return blob_id(_pointer(data) if _is_large(name) else data)


def _pointer(data: bytes) -> bytes:
    """Return what git keeps in place of a large file. Source: the Git LFS specification."""
    version = "version https://git-lfs.github.com/spec/v1"
    return f"{version}\noid sha256:{_sha256(data)}\nsize {len(data)}\n".encode()


def _part(data: bytes, wanted: str, headers: dict[str, str]) -> Answer:
    """Return the bytes that a `Range` header asks for, or all."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
    if not found:
        return Answer(data, 200, headers)
    begin, end = int(found[1]), min(int(found[2] or len(data)), len(data) - 1)
    headers["Content-Range"] = f"bytes {begin}-{end}/{len(data)}"
    return Answer(data[begin : end + 1], 206, headers)


_Route = tuple[str, str, Callable[..., Answer]]
_REPOSITORY = r"([\w.-]+/[\w.-]+)"
_DATASET = r"(datasets/[\w.-]+/[\w.-]+)"
_ROUTES: tuple[_Route, ...] = (
    ("GET", r"/api/whoami-v2", Hub.who),
    ("GET", rf"/api/models/{_REPOSITORY}", Hub.info),
    ("GET", rf"/api/models/{_REPOSITORY}/auth-check/write", Hub.check),
    ("GET", rf"/api/models/{_REPOSITORY}/revision/([^/]+)", Hub.info),
    ("GET", rf"/api/models/{_REPOSITORY}/tree/([^/]+)", Hub.tree),
    ("GET", rf"/api/{_DATASET}", Hub.info),
    ("GET", rf"/api/{_DATASET}/revision/([^/]+)", Hub.info),
    ("GET", rf"/api/{_DATASET}/tree/([^/]+)", Hub.tree),
    ("HEAD", rf"/{_DATASET}/resolve/([^/]+)/(.+)", Hub.file),
    ("GET", rf"/{_DATASET}/resolve/([^/]+)/(.+)", Hub.file),
    ("HEAD", rf"/{_REPOSITORY}/resolve/([^/]+)/(.+)", Hub.file),
    ("GET", rf"/{_REPOSITORY}/resolve/([^/]+)/(.+)", Hub.file),
    ("POST", r"/api/repos/create", Hub.create),
    ("POST", r"/api/validate-yaml", Hub.validate),
    ("POST", rf"/api/models/{_REPOSITORY}/preupload/([^/]+)", Hub.preupload),
    ("POST", rf"/{_REPOSITORY}\.git/info/lfs/objects/batch", Hub.batch),
    ("PUT", r"/objects/([0-9a-f]{64})", Hub.upload),
    ("POST", r"/objects/([0-9a-f]{64})/verify", Hub.verify),
    ("POST", rf"/api/models/{_REPOSITORY}/commit/([^/]+)", Hub.commit),
)
