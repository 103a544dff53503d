# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's model registry as typed calls that raise: a model, its versions, and where their files lie.

Routes: mlflow/protos/model_registry.proto; the same in 2.18.0 and 3.17.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .client import API, MlflowClient
from .errors import ForbiddenError, NotFoundError, NotMlflowError

_MODELS = f"{API}/registered-models"
_VERSIONS = f"{API}/model-versions"


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model; ``created`` is in milliseconds since 1970."""

    name: str
    created: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelVersion:
    """A version of a registered model.

    :param version: its number, as text.
    :param status: ``READY`` once it can be used.
    :param source: where its files were when it was registered.
    """

    name: str
    version: str
    status: str
    source: str
    run_id: str


class Registry:
    """The registry of one server as one user. All methods raise :class:`~.errors.MlflowError`."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def create_model(self, name: str, tags: Mapping[str, str] | None = None) -> None:
        """Create a registered model without a version.

        :raises AlreadyExistsError: there is one of that name.
        """
        pairs = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        said = self._client.call("POST", f"{_MODELS}/create", payload={"name": name, "tags": pairs})
        _model(said.get("registered_model"))

    def search_models(self, prefix: str, max_results: int = 100) -> list[RegisteredModel]:
        """The first models whose names begin with ``prefix``, which has neither quotes nor wildcards."""
        query: dict[str, str | int] = {"filter": f"name LIKE '{prefix}%'", "max_results": max_results}
        said = self._client.call("GET", f"{_MODELS}/search", query=query)
        return [_model(item) for item in said.get("registered_models", [])]

    def delete_model(self, name: str) -> None:
        """Delete a model and all its versions for good. One that is gone already is no error."""
        try:
            self._client.call("DELETE", f"{_MODELS}/delete", payload={"name": name}, repeatable=True)
        except NotFoundError:
            return
        except ForbiddenError:
            # A plain user's right to a model goes with the model: a second try is forbidden, not "not found".
            if any(model.name == name for model in self.search_models(name)):
                raise

    def create_version(self, name: str, source: str, run_id: str) -> ModelVersion:
        """Make the files at ``source``, which the run has written, the next version of a model."""
        payload = {"name": name, "source": source, "run_id": run_id}
        return _version(self._client.call("POST", f"{_VERSIONS}/create", payload=payload).get("model_version"))

    def get_version(self, name: str, version: str) -> ModelVersion:
        """One version.

        :raises NotFoundError: there is no such version.
        """
        query = {"name": name, "version": version}
        return _version(self._client.call("GET", f"{_VERSIONS}/get", query=query).get("model_version"))

    def download_uri(self, name: str, version: str) -> str:
        """Where clients load a version from."""
        query = {"name": name, "version": version}
        uri = self._client.call("GET", f"{_VERSIONS}/get-download-uri", query=query).get("artifact_uri")
        if not isinstance(uri, str) or not uri:
            raise _strange()
        return uri


def _model(item: Any) -> RegisteredModel:
    try:
        return RegisteredModel(
            name=str(item["name"]),
            created=int(item.get("creation_timestamp", 0)),
            tags={str(pair["key"]): str(pair.get("value", "")) for pair in item.get("tags", [])},
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise _strange() from None


def _version(item: Any) -> ModelVersion:
    try:
        return ModelVersion(
            name=str(item["name"]),
            version=str(item["version"]),
            status=str(item.get("status", "")),
            source=str(item.get("source", "")),
            run_id=str(item.get("run_id", "")),
        )
    except (KeyError, TypeError, AttributeError):
        raise _strange() from None


def _strange() -> NotMlflowError:
    return NotMlflowError(
        "the model registry answers 200 but not in MLflow's way",
        remedy="check that the url is MLflow's and not a login page's or another server's",
        status=200,
    )
