# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's REST API as typed calls that raise; 2.x and 3.x behind one interface.

Routes: mlflow/protos/service.proto and mlflow/server/auth/routes.py of MLflow 2.18.0 and 3.17.2.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from .errors import (
    AlreadyExistsError,
    ApiError,
    AuthenticationError,
    BusyError,
    ForbiddenError,
    MlflowError,
    NoSuchRouteError,
    NotFoundError,
    NotMlflowError,
)
from .http import BUSY, Answer, Credential, Login, Retry, Transport

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"

#: Longest part of a foreign answer that an error message shows (characters).
_SHOWN = 200

_CODES: Mapping[str, type[ApiError]] = {
    "RESOURCE_DOES_NOT_EXIST": NotFoundError,
    "RESOURCE_ALREADY_EXISTS": AlreadyExistsError,
}


@dataclass(frozen=True)
class ServerVersion:
    """What ``/version`` answers.

    :param text: such as ``3.17.2``; None where the server tells only its generation without a login.
    :param generation: 2 or 3: which permission API, which login rules.
    """

    text: str | None
    generation: int


@dataclass(frozen=True)
class User:
    """A user of MLflow's basic-auth."""

    id: int
    username: str
    is_admin: bool


@dataclass(frozen=True)
class Experiment:
    """An experiment; ``lifecycle_stage`` is ``active`` or ``deleted``, ``created`` is milliseconds since 1970."""

    id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    tags: Mapping[str, str] = field(default_factory=dict)
    created: int = 0


@dataclass(frozen=True)
class Run:
    """A run with its latest metrics; times are milliseconds since 1970."""

    id: str
    experiment_id: str
    status: str
    lifecycle_stage: str
    artifact_uri: str
    start_time: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def page_title(answer: Answer) -> str:
    """The title of a web page, on one line and without markup; empty where there is none."""
    found = re.search(r"<title[^>]*>(.*?)</title>", answer.text[:20_000], re.IGNORECASE | re.DOTALL)
    return " ".join(html.unescape(found.group(1)).split())[:_SHOWN] if found else ""


def page(answer: Answer, clean: Callable[[str], str] = str) -> str:
    """What a web page or XML that answered instead of MLflow is called, in words; empty where the answer is neither.

    :param clean: removes credentials from what the server says.
    """
    if not answer.is_html:
        return ""
    title = clean(page_title(answer))
    if title:
        return f"a web page titled '{title}'"
    head = answer.text[:20_000].lower()
    if not head.lstrip().startswith("<?xml") or "<html" in head:
        return "a web page"
    # As S3 and older services of AWS answer.
    code = re.search(r"<Code>(\w+)</Code>", answer.text[:20_000])
    return f"an XML document: {code.group(1)}" if code else "an XML document"


def failure(answer: Answer, what: str, *, clean: Callable[[str], str] = str) -> MlflowError:
    """The error that a refused ``answer`` stands for.

    :param what: the request in words, such as ``POST /api/2.0/mlflow/runs/create``.
    :param clean: removes credentials from what the server says.
    """
    status = answer.status
    said = answer.json() or {}
    code = str(said.get("error_code") or "") or None
    text = clean(" ".join(str(said.get("message") or ("" if answer.is_html else answer.text)).split()))[:_SHOWN]
    web_page = page(answer, clean)
    shown = web_page or text
    if 300 <= status < 400:
        to = urlsplit(answer.headers.get("location", ""))
        # Only where it leads: the query of such an address may hold a token.
        return NotMlflowError(
            clean(f"{what} is redirected ({status}) to {to.scheme or 'a path'}://{to.netloc}{to.path}"[: _SHOWN + 100]),
            remedy="use that address as url if it is MLflow's; a login page before MLflow needs a way around it",
            status=status,
        )
    if status == 401:
        # MLflow's own 401 is plain text.
        return AuthenticationError(
            f"{what}: the login is refused (401)" + (f" by {web_page}" if web_page else ""),
            remedy="something before MLflow asks for a login: check the url, or go around it"
            if web_page
            else "check username and password",
            status=status,
        )
    if status == 403:
        if "invalid host header" in text.lower():
            remedy = "start the server with --allowed-hosts for this name, or give an allowed one as host_header"
        elif "cross-origin" in text.lower():
            remedy = "start the server with --cors-allowed-origins for its own address"
        elif web_page:
            remedy = "check the url, and the rules of the proxy or firewall before MLflow"
        else:
            remedy = "use the login of a user who may do this"
        return ForbiddenError(f"{what} is forbidden (403): {shown}", remedy=remedy, status=status)
    if code:
        kind = _CODES.get(code, ApiError)
        remedy = "leave workspace out, or start the server with workspaces" if "workspaces are not" in text else ""
        return kind(
            f"{what}: {text or code} ({status})", remedy=remedy, status=status, code=code, transient=status in BUSY
        )
    if status in BUSY:
        return BusyError(
            f"{what}: {status} {page_title(answer) or text}".rstrip(),
            remedy="wait until the server is ready, and look at its log and at the load balancer's targets",
            transient=True,
            status=status,
        )
    if status in (404, 405):
        return NoSuchRouteError(
            f"{what}: there is no such route ({status})" + (f": {shown}" if shown else ""),
            remedy="check that the url is MLflow's, that its path is MLflow's static prefix, and its version",
            status=status,
        )
    return ApiError(
        f"{what}: {shown or 'no reason given'} ({status})",
        remedy="check that the url is MLflow's, and look at the server's log",
        status=status,
    )


class MlflowClient:
    """Typed calls to one server as one user.

    All methods raise :class:`~.errors.MlflowError`. Writes are repeated only where that does no harm.

    :param transport: how requests are sent, and the login.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._version: ServerVersion | None = None

    def as_user(self, login: Credential | None, *, retry: Retry | None = None) -> MlflowClient:
        """The same server seen by another user (None: by a stranger)."""
        return MlflowClient(self.transport.as_user(login, retry=retry))

    # -- the server -------------------------------------------------------------------------------

    def health(self) -> None:
        """Raise unless ``GET /health`` answers 200 ``OK`` (it needs no login)."""
        answer = self._answer("GET", "/health")
        if answer.text.strip().upper() != "OK":
            raise NotMlflowError(
                f"GET /health answers 200 but not MLflow's OK{self._titled(answer)}",
                remedy="check that the url is MLflow's and not a login page's or another server's",
                status=200,
            )

    def version(self) -> ServerVersion:
        """The server's version, asked once. Needs a login where the server has logins.

        Without one, the generation is known still: 3.x answers ``server-info`` to anyone.
        """
        if self._version is None:
            try:
                answer = self._answer("GET", "/version")
            except AuthenticationError:
                if self.transport.login:
                    raise
                self._version = ServerVersion(None, self._generation_without_login())
            else:
                self._version = self._parse_version(answer)
        return self._version

    def _parse_version(self, answer: Answer) -> ServerVersion:
        found = re.fullmatch(r"(\d+)\.\d+[0-9A-Za-z.+-]*", answer.text.strip())
        if not found:
            raise NotMlflowError(
                f"GET /version answers 200 but no version{self._titled(answer)}",
                remedy="check that the url is MLflow's and not a login page's or another server's",
                status=200,
            )
        return ServerVersion(found.group(0), int(found.group(1)))

    def _generation_without_login(self) -> int:
        answer = self.transport.send("GET", "/api/3.0/mlflow/server-info")
        return 3 if answer.status == 200 else 2

    # -- users ------------------------------------------------------------------------------------

    def get_user(self, username: str) -> User:
        """One user. A user may read himself; others only an admin.

        :raises NotFoundError: there is no such user.
        :raises NoSuchRouteError: the server runs without basic-auth.
        """
        said = self.call("GET", f"{API}/users/get", query={"username": username})
        try:
            user = said["user"]
            return User(id=int(user["id"]), username=str(user["username"]), is_admin=bool(user["is_admin"]))
        except (KeyError, TypeError, ValueError):
            raise self._strange("GET", f"{API}/users/get") from None

    def accepts(self, login: Login) -> User | None:
        """The user that ``login`` belongs to, or None where the server refuses it.

        One request on a new connection. Errors other than 401 are raised.
        """
        try:
            return self.as_user(login).get_user(login.username)
        except AuthenticationError:
            return None

    def update_password(self, username: str, password: str, *, current_password: str | None = None) -> None:
        """Give ``username`` a new password.

        :param current_password: 3.x demands it where users change their own; 2.x ignores it.
        """
        self.transport.redactor.add(password)
        self.transport.redactor.add(current_password)
        payload = {"username": username, "password": password}
        if current_password is not None:
            payload["current_password"] = current_password
        self.call("PATCH", f"{API}/users/update-password", payload=payload)

    # -- experiments ------------------------------------------------------------------------------

    def find_experiments(self, pattern: str) -> list[Experiment]:
        """The first 100 active experiments that the user may see whose names are like ``pattern``.

        :param pattern: without quotes; ``%`` stands for any characters.
        """
        return self.search_experiments(filter_string=f"name LIKE '{pattern}'")

    def search_experiments(self, max_results: int = 100, filter_string: str | None = None) -> list[Experiment]:
        """The first ``max_results`` active experiments that the user may see."""
        path = f"{API}/experiments/search"
        query: dict[str, str | int] = {"max_results": max_results}
        if filter_string:
            query["filter"] = filter_string
        said = self.call("GET", path, query=query)
        # Where there are none, MLflow leaves the list out.
        if said and "experiments" not in said:
            raise self._strange("GET", path)
        return [self.parse_experiment(item) for item in said.get("experiments", [])]

    def get_experiment_by_name(self, name: str) -> Experiment:
        """An experiment, deleted ones included.

        :raises NotFoundError: there is none of that name.
        """
        said = self.call("GET", f"{API}/experiments/get-by-name", query={"experiment_name": name})
        return self.parse_experiment(said.get("experiment"))

    def create_experiment(
        self, name: str, tags: Mapping[str, str] | None = None, artifact_location: str | None = None
    ) -> str:
        """Create an experiment and return its id.

        :param artifact_location: None lets the server choose.
        :raises AlreadyExistsError: there is one of that name, maybe a deleted one.
        """
        payload: dict[str, Any] = {"name": name}
        payload["tags"] = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        if artifact_location:
            payload["artifact_location"] = artifact_location
        said = self.call("POST", f"{API}/experiments/create", payload=payload)
        if "experiment_id" not in said:
            raise self._strange("POST", f"{API}/experiments/create")
        return str(said["experiment_id"])

    def restore_experiment(self, experiment_id: str) -> None:
        """Undo a deletion. MLflow restores all runs of the experiment with it, deleted ones too."""
        self.call("POST", f"{API}/experiments/restore", payload={"experiment_id": experiment_id})

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment softly, its runs with it. One that is deleted already is an error of the server's."""
        self.call("POST", f"{API}/experiments/delete", payload={"experiment_id": experiment_id}, repeatable=True)

    # -- runs -------------------------------------------------------------------------------------

    def create_run(self, experiment_id: str, name: str, tags: Mapping[str, str] | None = None) -> Run:
        """Start a run."""
        payload = {
            "experiment_id": experiment_id,
            "run_name": name,
            "start_time": int(time.time() * 1000),
            "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()],
        }
        return self._run(self.call("POST", f"{API}/runs/create", payload=payload).get("run"))

    def get_run(self, run_id: str) -> Run:
        """A run, deleted ones included."""
        return self._run(self.call("GET", f"{API}/runs/get", query={"run_id": run_id}).get("run"))

    def search_runs(self, experiment_id: str, max_results: int = 100) -> list[Run]:
        """The newest ``max_results`` active runs of an experiment."""
        payload = {"experiment_ids": [experiment_id], "max_results": max_results, "run_view_type": "ACTIVE_ONLY"}
        said = self.call("POST", f"{API}/runs/search", payload=payload, repeatable=True)
        return [self._run(item) for item in said.get("runs", [])]

    def log_metric(self, run_id: str, key: str, value: float, *, step: int = 0) -> None:
        """Add one point to a metric."""
        payload = {"run_id": run_id, "key": key, "value": value, "timestamp": int(time.time() * 1000), "step": step}
        self.call("POST", f"{API}/runs/log-metric", payload=payload)

    def log_param(self, run_id: str, key: str, value: str) -> None:
        """Set a parameter; the same value twice does no harm."""
        self.call(
            "POST", f"{API}/runs/log-parameter", payload={"run_id": run_id, "key": key, "value": value}, repeatable=True
        )

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag."""
        self.call(
            "POST", f"{API}/runs/set-tag", payload={"run_id": run_id, "key": key, "value": value}, repeatable=True
        )

    def finish_run(self, run_id: str) -> None:
        """Mark a run as finished now."""
        payload = {"run_id": run_id, "status": "FINISHED", "end_time": int(time.time() * 1000)}
        self.call("POST", f"{API}/runs/update", payload=payload, repeatable=True)

    def delete_run(self, run_id: str) -> None:
        """Delete a run softly, as MLflow does: ``mlflow gc`` removes it for good. Deleting twice does no harm."""
        try:
            self.call("POST", f"{API}/runs/delete", payload={"run_id": run_id}, repeatable=True)
        except ApiError:
            if self.get_run(run_id).lifecycle_stage != "deleted":
                raise

    # -- artifacts, through the server (mlflow-artifacts:) ----------------------------------------

    def put_artifact(self, path: str, data: bytes) -> None:
        """Write an artifact at ``path`` below the server's artifact root."""
        self._answer("PUT", self._artifact(path), data=data, repeatable=True)

    def get_artifact(self, path: str) -> bytes:
        """The bytes of an artifact."""
        return self._answer("GET", self._artifact(path)).body

    def list_artifacts(self, path: str) -> list[str]:
        """The names directly below ``path``; a folder that does not exist has none."""
        said = self.call("GET", ARTIFACTS, query={"path": path})
        return [str(item["path"]) for item in said.get("files", [])]

    def delete_artifacts(self, path: str) -> None:
        """Remove an artifact or a folder for good; one that is absent already is no error."""
        try:
            self._answer("DELETE", self._artifact(path), repeatable=True)
        except NotFoundError:
            return

    # -- underneath -------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        payload: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> dict[str, Any]:
        """Send a request and return the JSON object of its answer.

        :param repeatable: see :meth:`Transport.send`.
        """
        answer = self._answer(method, path, query=query, payload=payload, headers=headers, repeatable=repeatable)
        said = answer.json()
        if said is None:
            raise self._strange(method, path, answer)
        return said

    def _answer(self, method: str, path: str, **request: Any) -> Answer:
        answer = self.transport.send(method, path, **request)
        if not 200 <= answer.status < 300:
            raise failure(answer, f"{method} {path}", clean=self.transport.redactor.clean)
        return answer

    def _strange(self, method: str, path: str, answer: Answer | None = None) -> NotMlflowError:
        return NotMlflowError(
            f"{method} {path} answers 200 but not in MLflow's way{self._titled(answer) if answer else ''}",
            remedy="check that the url is MLflow's and not a login page's or another server's",
            status=200,
        )

    def _titled(self, answer: Answer) -> str:
        found = page(answer, self.transport.redactor.clean)
        return f": {found}" if found else ""

    @staticmethod
    def _artifact(path: str) -> str:
        return f"{ARTIFACTS}/{quote(path.strip('/'))}"

    def parse_experiment(self, item: Any) -> Experiment:
        """An experiment as any route tells it."""
        try:
            return Experiment(
                id=str(item["experiment_id"]),
                name=str(item["name"]),
                artifact_location=str(item.get("artifact_location", "")),
                lifecycle_stage=str(item.get("lifecycle_stage", "active")),
                tags={str(tag["key"]): str(tag.get("value", "")) for tag in item.get("tags", [])},
                created=int(item.get("creation_time", 0)),
            )
        except (KeyError, TypeError, AttributeError, ValueError):
            raise self._strange("GET", f"{API}/experiments") from None

    def _run(self, item: Any) -> Run:
        def pairs(kind: str) -> dict[str, Any]:
            return {str(pair["key"]): pair.get("value", "") for pair in (item.get("data") or {}).get(kind, [])}

        try:
            info = item["info"]
            return Run(
                id=str(info["run_id"]),
                experiment_id=str(info["experiment_id"]),
                status=str(info.get("status", "")),
                lifecycle_stage=str(info.get("lifecycle_stage", "")),
                artifact_uri=str(info.get("artifact_uri", "")),
                start_time=int(info.get("start_time", 0)),
                metrics={key: float(value) for key, value in pairs("metrics").items()},
                params={key: str(value) for key, value in pairs("params").items()},
                tags={key: str(value) for key, value in pairs("tags").items()},
            )
        except (KeyError, TypeError, AttributeError, ValueError):
            raise self._strange("GET", f"{API}/runs") from None
