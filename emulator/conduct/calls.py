# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call, as its conduct sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel, Shape
from moto.core.utils import get_service_model

from emulator.iam.errors import Protocol

#: Signing name -> botocore's name of the service, where the two differ.
_MODELS = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "email": "ses",
}
#: Parameters of every query call, which no model has: those of signatures among them.
_COMMON = frozenset({"Action", "Version", "AWSAccessKeyId", "Expires", "SecurityToken", "Timestamp"})
_SIGNED = ("X-Amz-", "Signature")


class Refusal(Exception):
    """AWS refuses the call.

    :param code: the error code, such as ``DependencyViolation``.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class ApiCall:
    """A call of a query, EC2 or JSON service.

    :param service: the signing name.
    :param parameters: of a query call flat (``Filter.1.Name``), of a JSON call as they are.
    """

    service: str
    action: str
    protocol: Protocol
    account: str
    region: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reads(self) -> bool:
        """Whether the call changes nothing."""
        return self.action.startswith(("Describe", "List", "Get"))

    @property
    def creates(self) -> bool:
        """Whether the call makes something."""
        return self.action.startswith(("Create", "Allocate", "Run", "Register"))

    @cached_property
    def operation(self) -> OperationModel | None:
        """botocore's model of the call; None when there is none."""
        version = str(self.parameters.get("Version", ""))
        if self.service == "elasticloadbalancing" and version == "2012-06-01":
            return _operation("elb", self.action)
        return _operation(_MODELS.get(self.service, self.service), self.action)

    @cached_property
    def tree(self) -> Any:
        """The parameters as a tree: of a query call by the dots of their names, of a JSON call as they are."""
        if self.protocol is Protocol.JSON:
            return self.parameters
        own = {k: v for k, v in self.parameters.items() if k not in _COMMON and not k.startswith(_SIGNED)}
        return as_tree(own)

    @cached_property
    def input(self) -> dict[str, Any]:
        """The parameters by the names of the model; what the model does not know is left out."""
        shape = self.operation.input_shape if self.operation is not None else None
        if shape is None:
            return {}
        found = self.parameters if self.protocol is Protocol.JSON else read_query(shape, self.tree, self.protocol)
        return found if isinstance(found, dict) else {}


@lru_cache(maxsize=64)
def _service(name: str) -> ServiceModel | None:
    try:
        return get_service_model(name)
    except (BotoCoreError, OSError, KeyError):
        return None


@lru_cache(maxsize=2048)
def _operation(service: str, action: str) -> OperationModel | None:
    model = _service(service)
    if model is None:
        return None
    try:
        return model.operation_model(action)
    except OperationNotFoundError:
        return None


def as_tree(fields: Mapping[str, Any]) -> dict[str, Any]:
    """``{"A.1.B": "x"}`` as ``{"A": {"1": {"B": "x"}}}``. A name with parts below it keeps its own value under ""."""
    tree: dict[str, Any] = {}
    for name, value in fields.items():
        node, (*folders, leaf) = tree, name.split(".")
        for folder in folders:
            below = node.setdefault(folder, {})
            if not isinstance(below, dict):
                below = node[folder] = {"": below}
            node = below
        if isinstance(node.get(leaf), dict):
            node[leaf][""] = value
        else:
            node[leaf] = value
    return tree


def member_key(name: str, shape: Shape, protocol: Protocol) -> str:
    """How a member of a structure is called in a request (botocore.serialize, QuerySerializer and EC2Serializer)."""
    if protocol is not Protocol.EC2:
        return str(shape.serialization.get("name", name))
    if "queryName" in shape.serialization:
        return str(shape.serialization["queryName"])
    if "name" in shape.serialization:
        given = str(shape.serialization["name"])
        return given[0].upper() + given[1:]
    return name


def list_items(shape: Any, node: Any, protocol: Protocol) -> list[Any]:
    """The nodes of a list's items, in their order."""
    if not isinstance(node, dict):
        return []
    if protocol is not Protocol.EC2 and not shape.serialization.get("flattened"):
        node = node.get(str(shape.member.serialization.get("name", "member")), {})
    if not isinstance(node, dict):
        return []
    return [node[key] for key in sorted((key for key in node if key.isdigit()), key=int)]


def map_items(shape: Any, node: Any) -> list[tuple[Any, Any]]:
    """The keys and nodes of a map's entries."""
    if isinstance(node, dict) and not shape.serialization.get("flattened"):
        node = node.get("entry", {})
    rows = node.values() if isinstance(node, dict) else []
    key = str(shape.key.serialization.get("name", "key"))
    value = str(shape.value.serialization.get("name", "value"))
    return [(row.get(key), row.get(value)) for row in rows if isinstance(row, dict)]


def read_query(shape: Any, node: Any, protocol: Protocol) -> Any:
    """A node of a query as the model's own names say it; scalars stay text."""
    if shape.type_name == "structure":
        node = node if isinstance(node, dict) else {}
        keys = {member_key(name, member, protocol): (name, member) for name, member in shape.members.items()}
        return {keys[key][0]: read_query(keys[key][1], below, protocol) for key, below in node.items() if key in keys}
    if shape.type_name == "list":
        return [read_query(shape.member, item, protocol) for item in list_items(shape, node, protocol)]
    if shape.type_name == "map":
        return {key: read_query(shape.value, value, protocol) for key, value in map_items(shape, node)}
    return node
