# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registered models of a server: what is, what should be, and the calls that lead there.

Routes and rules: mlflow/server/handlers.py and mlflow/store/model_registry/sqlalchemy_store.py of 2.18.0, 2.22.5 and
3.17.2. Prompts lie in the same table and answer to the same routes; only a tag tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from .client import API, MlflowClient
from .errors import InvalidOptionsError, NotFoundError, NotMlflowError
from .paging import PAGE, pages
from .reconcile import Plan
from .tags import put_twice, tag_changes

#: The tag that makes a registered model a prompt.
IS_PROMPT = "mlflow.prompt.is_prompt"

#: Characters that the database keeps of a description and of a tag's value.
TEXT = 5000

_ROOT = f"{API}/registered-models"


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model as the server has it.

    :param aliases: the version that each alias stands for.
    :param latest_version: the highest number of its versions; None where it has none.
    """

    name: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    latest_version: int | None = None


@dataclass(frozen=True)
class ModelState:
    """A registered model, and what else a plan has to know.

    :param lacking: wanted versions that do not exist.
    """

    model: RegisteredModel
    lacking: frozenset[int] = frozenset()


@dataclass(frozen=True)
class WantedModel:
    """A registered model as it should be; what is None is left alone.

    :param purge_tags: whether tags go that are not wanted, where tags are.
    :param purge_aliases: the same for aliases.
    :param force: whether one that has versions may be deleted.
    """

    name: str
    present: bool = True
    description: str | None = None
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True
    aliases: Mapping[str, int] | None = None
    purge_aliases: bool = True
    force: bool = False


@dataclass(frozen=True)
class CreateModel:
    """Create the registered model with its description and tags."""

    name: str
    description: str
    tags: Mapping[str, str]

    def says(self) -> str:
        """The write in words."""
        return f"create registered model {self.name}"


@dataclass(frozen=True)
class DescribeModel:
    """Set the description."""

    name: str
    description: str

    def says(self) -> str:
        """The write in words."""
        return f"describe registered model {self.name}"


@dataclass(frozen=True)
class TagModel:
    """Set a tag, or remove it where the value is None."""

    name: str
    key: str
    value: str | None

    def says(self) -> str:
        """The write in words."""
        verb = f"remove tag {self.key} from" if self.value is None else f"set tag {self.key} of"
        return f"{verb} registered model {self.name}"


@dataclass(frozen=True)
class PointAlias:
    """Let an alias stand for a version, or for none where that is None."""

    name: str
    alias: str
    version: int | None

    def says(self) -> str:
        """The write in words."""
        if self.version is None:
            return f"remove alias {self.alias} from registered model {self.name}"
        return f"point alias {self.alias} of registered model {self.name} to version {self.version}"


@dataclass(frozen=True)
class DeleteModel:
    """Delete the registered model with all its versions, for good."""

    name: str

    def says(self) -> str:
        """The write in words."""
        return f"delete registered model {self.name}"


ModelAction: TypeAlias = "CreateModel | DescribeModel | TagModel | PointAlias | DeleteModel"


def plan_model(state: ModelState | None, wanted: WantedModel) -> Plan[ModelState | None]:
    """What to do so that the registered model is as wanted. Pure.

    :raises InvalidOptionsError: it is a prompt, would lose versions, or lacks one that an alias shall stand for.
    """
    name, tags, aliases = wanted.name, wanted.tags or {}, wanted.aliases or {}
    if state and IS_PROMPT in state.model.tags:
        raise InvalidOptionsError(
            f"{name} is a prompt, which MLflow keeps among the registered models", remedy="use another name"
        )
    if not wanted.present:
        return _plan_deletion(state, wanted)
    for alias, version in sorted(aliases.items()):
        if state is None or version in state.lacking:
            raise InvalidOptionsError(
                f"registered model {name} has no version {version} for the alias {alias}", remedy="register it first"
            )
    if state is None:
        made = RegisteredModel(name, wanted.description or "", tags)
        return Plan((CreateModel(name, made.description, tags),), ModelState(made))
    model = state.model
    actions: list[ModelAction] = []
    description = model.description if wanted.description is None else wanted.description
    if description != model.description:
        actions.append(DescribeModel(name, description))
    changed, gone = tag_changes(model.tags, tags, purge=wanted.purge_tags and wanted.tags is not None)
    actions += [TagModel(name, key, tags[key]) for key in changed]
    actions += [TagModel(name, key, None) for key in gone]
    loose = set(model.aliases) - set(aliases) if wanted.purge_aliases and wanted.aliases is not None else set()
    moved = {alias for alias, version in aliases.items() if model.aliases.get(alias) != version}
    actions += [PointAlias(name, alias, aliases[alias]) for alias in sorted(moved)]
    actions += [PointAlias(name, alias, None) for alias in sorted(loose)]
    after = replace(
        model,
        description=description,
        tags={key: value for key, value in {**model.tags, **tags}.items() if key not in gone},
        aliases={alias: version for alias, version in {**model.aliases, **aliases}.items() if alias not in loose},
    )
    return Plan(tuple(actions), ModelState(after))


def _plan_deletion(state: ModelState | None, wanted: WantedModel) -> Plan[ModelState | None]:
    if state and state.model.latest_version is not None and not wanted.force:
        raise InvalidOptionsError(
            f"registered model {wanted.name} has versions, up to {state.model.latest_version}, and MLflow deletes "
            "them with it for good",
            remedy="set force to true if that is meant",
        )
    return Plan((DeleteModel(wanted.name),) if state else (), None)


def shown_model(model: RegisteredModel) -> dict[str, Any]:
    """A registered model as modules return it."""
    return {
        "name": model.name,
        "description": model.description,
        "tags": dict(sorted(model.tags.items())),
        "aliases": dict(sorted(model.aliases.items())),
        "latest_version": model.latest_version,
    }


class Models:
    """The registered models of one server that a user may see.

    All methods raise :class:`~.errors.MlflowError`.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def list(self) -> list[RegisteredModel]:
        """All registered models by name, without prompts."""

        def ask(token: str) -> Mapping[str, Any]:
            query: dict[str, str | int] = {"max_results": PAGE, **({"page_token": token} if token else {})}
            return self._client.call("GET", f"{_ROOT}/search", query=query)

        # 2.18.0 knows no prompts, and lists those that a newer version left in its database.
        found = {
            one.name: one for one in map(parse_model, pages(ask, "registered_models")) if IS_PROMPT not in one.tags
        }
        return sorted(found.values(), key=lambda model: model.name)

    def find(self, name: str) -> RegisteredModel | None:
        """The registered model, or prompt, of that name, or None."""
        try:
            return parse_model(self._client.call("GET", f"{_ROOT}/get", query={"name": name}).get("registered_model"))
        except NotFoundError:
            return None

    def read(self, wanted: WantedModel) -> ModelState | None:
        """The registered model that ``wanted`` names, or None."""
        model = self.find(wanted.name)
        if model is None:
            return None
        asked = set((wanted.aliases or {}).values()) - set(model.aliases.values()) if wanted.present else set()
        return ModelState(model, frozenset(one for one in asked if not self._has_version(wanted.name, one)))

    def apply(self, action: ModelAction) -> None:
        """Make one write of a plan. Removing a tag or an alias that is gone does no harm."""
        call, name = self._client.call, {"name": action.name}
        match action:
            case CreateModel():
                tags = [{"key": key, "value": value} for key, value in action.tags.items()]
                payload = {**name, "description": action.description, "tags": tags}
                call("POST", f"{_ROOT}/create", payload=payload)
            case DescribeModel():
                payload = {**name, "description": action.description}
                call("PATCH", f"{_ROOT}/update", payload=payload, repeatable=True)
            case TagModel(key=key, value=None):
                call("DELETE", f"{_ROOT}/delete-tag", payload={**name, "key": key}, repeatable=True)
            case TagModel(key=key, value=value):
                tag = {**name, "key": key, "value": value}
                put_twice(lambda: call("POST", f"{_ROOT}/set-tag", payload=tag, repeatable=True))
            case PointAlias(alias=alias, version=None):
                call("DELETE", f"{_ROOT}/alias", payload={**name, "alias": alias}, repeatable=True)
            case PointAlias(alias=alias, version=version):
                pointed = {**name, "alias": alias, "version": str(version)}
                put_twice(lambda: call("POST", f"{_ROOT}/alias", payload=pointed, repeatable=True))
            case DeleteModel():
                call("DELETE", f"{_ROOT}/delete", payload=name)

    def _has_version(self, name: str, version: int) -> bool:
        try:
            self._client.call("GET", f"{API}/model-versions/get", query={"name": name, "version": version})
        except NotFoundError:
            return False
        return True


def parse_model(item: Any) -> RegisteredModel:
    """A registered model as any route tells it.

    :raises NotMlflowError: it is none.
    """
    try:
        versions = [int(version["version"]) for version in item.get("latest_versions", [])]
        return RegisteredModel(
            name=str(item["name"]),
            description=str(item.get("description", "")),
            tags={str(tag["key"]): str(tag.get("value", "")) for tag in item.get("tags", [])},
            aliases={str(row["alias"]): int(row["version"]) for row in item.get("aliases", [])},
            latest_version=max(versions, default=None),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotMlflowError(f"{_ROOT} answers 200 but not in MLflow's way", status=200) from None
