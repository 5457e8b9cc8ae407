"""A Hub of this process: what huggingface_hub asks of huggingface.co to list, fetch and push, and nothing else.

with serving() as hub:
    hub.add("owner/name", {"config.json": b"{}"})         # the commit
    hub.asked                                             # ["GET /api/models/owner/name", ...]
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_write"
READER = "hf_read"
LARGE = (".safetensors", ".npz")  # uploaded by themselves


class Hub(ThreadingHTTPServer):
    """Repositories with their commits, and who asked for what.

    commits : the files of each commit, of each repository. branches : commits by the names of revisions.
    sizes : what the list of files says in place of a file's size. absent : files that are listed and not there.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.branches: dict[tuple[str, str], str] = {}
        self.private: set[str] = set()
        self.gated: set[str] = set()
        self.sizes: dict[str, Any] = {}
        self.absent: set[str] = set()
        self.uploaded: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.cards: list[str] = []
        self.messages: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, repository: str, files: Mapping[str, bytes], branch: str = "main") -> str:
        """A commit on a branch of a repository, which is made where it is missing."""
        of_repository = self.commits.setdefault(repository, {})
        commit = hashlib.sha1(f"{repository} {len(of_repository)}".encode()).hexdigest()
        of_repository[commit] = dict(files)
        self.branches[repository, branch] = commit
        return commit

    def files(self, repository: str, branch: str = "main") -> dict[str, bytes]:
        return self.commits[repository][self.branches[repository, branch]]


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._note()
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", self._path):
            return self._list(found[1], unquote(found[2] or "main"))
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self._path):
            return self._file(found[1], unquote(found[2]), found[3])
        return self._send({"error": "no such page"}, 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._token is None:
            return self._send({"error": "Unauthorized"}, 401)
        if self._path == "/api/validate-yaml":
            return self._validate(json.loads(body)["content"])
        if self._token != TOKEN:
            return self._send({"error": "Forbidden"}, 403)
        if self._path == "/api/repos/create":
            return self._create(json.loads(body))
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", self._path):
            return self._preupload(json.loads(body)["files"])
        if found := re.fullmatch(r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", self._path):
            return self._batch(json.loads(body)["objects"])
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", self._path):
            return self._commit(found[1], [json.loads(line) for line in body.splitlines()])
        return self._send({"error": "no such page"}, 404)

    def do_PUT(self) -> None:
        self._note()
        content = self.rfile.read(int(self.headers["Content-Length"]))
        name = hashlib.sha256(content).hexdigest()
        self.server.uploaded[name] = content
        self._send({}, 200 if self._path == f"/upload/{name}" else 400)

    def log_message(self, *arguments: Any) -> None:
        pass

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    @property
    def _token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def _note(self) -> None:
        self.server.asked.append(f"{self.command} {self._path}")

    def _refused(self, repository: str, revision: str) -> str | None:
        """The commit of a revision; None after an error was sent."""
        hub = self.server
        commit = hub.branches.get((repository, revision), revision)
        if repository not in hub.commits or (repository in hub.private and self._token is None):
            self._send({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
        elif repository in hub.gated:
            self._send({"error": "Ask for access"}, 403, X_Error_Code="GatedRepo")
        elif commit not in hub.commits[repository]:
            self._send({"error": "Invalid rev id"}, 404, X_Error_Code="RevisionNotFound")
        else:
            return commit
        return None

    def _list(self, repository: str, revision: str) -> None:
        commit = self._refused(repository, revision)
        if commit is None:
            return
        sizes = {name: len(content) for name, content in self.server.commits[repository][commit].items()}
        files = [
            {"rfilename": name, "size": self.server.sizes.get(name, size), "blobId": "0" * 40}
            for name, size in sizes.items()
        ]
        self._send({"id": repository, "modelId": repository, "sha": commit, "siblings": files})

    def _file(self, repository: str, revision: str, name: str) -> None:
        commit = self._refused(repository, revision)
        if commit is None:
            return None
        content = self.server.commits[repository][commit].get(name)
        if content is None or name in self.server.absent:
            return self._send({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        return self._send(content, X_Repo_Commit=commit, ETag=f'"{hashlib.sha256(content).hexdigest()}"')

    def _validate(self, content: str) -> None:
        self.server.cards.append(content)
        right = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        bad = right is None or "license: nonsense" in content
        errors = [{"message": '"license" must be one of [apache-2.0, mit, ...]'}] if bad else []
        self._send({"errors": errors, "warnings": []}, 400 if bad else 200)

    def _create(self, wanted: Mapping[str, Any]) -> None:
        repository = f"{wanted.get('organization')}/{wanted['name']}"
        there = repository in self.server.commits
        if not there:
            self.server.add(repository, {})
            if wanted.get("private") or wanted.get("visibility") == "private":
                self.server.private.add(repository)
        self._send({"url": f"{self.server.endpoint}/{repository}"}, 409 if there else 200)

    def _preupload(self, files: list[dict[str, Any]]) -> None:
        modes = [
            {
                "path": one["path"],
                "uploadMode": "lfs" if one["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for one in files
        ]
        self._send({"files": modes})

    def _batch(self, objects: list[dict[str, Any]]) -> None:
        where = f"{self.server.endpoint}/upload"
        answers = [one | {"actions": {"upload": {"href": f"{where}/{one['oid']}"}}} for one in objects]
        self._send({"transfer": "basic", "objects": answers})

    def _commit(self, repository: str, lines: list[dict[str, Any]]) -> None:
        files = dict(self.server.files(repository))
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.server.messages.append(value["summary"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                files[value["path"]] = self.server.uploaded[value["oid"]]
        commit = self.server.add(repository, files)
        url = f"{self.server.endpoint}/{repository}/commit/{commit}"
        self._send({"success": True, "commitOid": commit, "commitUrl": url})

    def _send(self, body: bytes | dict[str, Any], code: int = 200, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/octet-stream" if isinstance(body, bytes) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def serving() -> Iterator[Hub]:
    with Hub() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()
