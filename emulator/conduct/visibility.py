# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was created a moment ago is not found yet.

Sources: "Eventual consistency" in the EC2 API Reference; RunTask in the ECS API Reference ("The Amazon ECS API follows
an eventual consistency model"); IAM User Guide; Secrets Manager API Reference. ECS works with an ARN that it has
just answered, and leaves it out of its lists only. ELB, RDS, CloudWatch Logs and S3 document no such thing.
"""

from __future__ import annotations

import json
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from emulator.conduct.calls import ApiCall, Refusal
from emulator.consistency import Consistency
from emulator.iam.errors import Protocol


@dataclass(frozen=True)
class Kind:
    """A kind of resource.

    :param answered: names under which the call that creates one answers what it is known by.
    :param asked: parameters of that call which name it.
    :param lists: names of the lists in answers that it stands in.
    :param code: what a call that names an unseen one gets; None: it is only left out of lists.
    """

    answered: tuple[str, ...]
    lists: frozenset[str]
    asked: tuple[str, ...] = ()
    code: str | None = None
    message: str = ""
    status: int = 400


def _ec2(answered: str, listed: str, code: str, message: str) -> Kind:
    return Kind((answered,), frozenset({listed}), code=code, message=message)


#: (signing name, action) -> the kind that it creates.
KINDS: dict[tuple[str, str], Kind] = {
    ("ec2", "CreateVpc"): _ec2("vpcId", "vpcSet", "InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
    ("ec2", "CreateSubnet"): _ec2(
        "subnetId", "subnetSet", "InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"
    ),
    ("ec2", "CreateSecurityGroup"): _ec2(
        "groupId", "securityGroupInfo", "InvalidGroup.NotFound", "The security group '{}' does not exist"
    ),
    ("ec2", "CreateInternetGateway"): _ec2(
        "internetGatewayId",
        "internetGatewaySet",
        "InvalidInternetGatewayID.NotFound",
        "The internetGateway ID '{}' does not exist",
    ),
    ("ec2", "CreateRouteTable"): _ec2(
        "routeTableId", "routeTableSet", "InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist"
    ),
    ("ec2", "CreateNatGateway"): _ec2(
        "natGatewayId", "natGatewaySet", "NatGatewayNotFound", "The Nat Gateway {} was not found"
    ),
    ("ec2", "CreateVpcEndpoint"): _ec2(
        "vpcEndpointId", "vpcEndpointSet", "InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{}' does not exist"
    ),
    ("ec2", "AllocateAddress"): _ec2(
        "allocationId", "addressesSet", "InvalidAllocationID.NotFound", "The allocation ID '{}' does not exist"
    ),
    ("iam", "CreateRole"): Kind(
        (),
        frozenset({"Roles"}),
        ("RoleName",),
        "NoSuchEntity",
        "The role with name {} cannot be found.",
        404,
    ),
    ("secretsmanager", "CreateSecret"): Kind(
        ("ARN", "Name"),
        frozenset({"SecretList"}),
        (),
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
    ),
    ("ecs", "CreateCluster"): Kind(("clusterArn",), frozenset({"clusters", "clusterArns"})),
    ("ecs", "CreateService"): Kind(("serviceArn",), frozenset({"services", "serviceArns"})),
    ("ecs", "RunTask"): Kind(("taskArn",), frozenset({"tasks", "taskArns"})),
}


@dataclass(frozen=True)
class Unseen:
    """One resource, or tags of one, that nobody sees yet.

    :param names: what it is known by.
    :param keys: of tags: their keys; the resource itself is seen.
    """

    where: tuple[str, str, str]
    kind: Kind
    names: frozenset[str]
    until: float
    keys: frozenset[str] = frozenset()


_TAGS = Kind((), frozenset())


@dataclass
class Visibility:
    """Remembers what was created, until everybody sees it."""

    consistency: Consistency = field(default_factory=Consistency)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[Unseen] = []

    def concerns(self, call: ApiCall) -> bool:
        """Whether the answer of ``call`` has to be looked at."""
        if self.consistency.unseen <= 0:
            return False
        where = (call.service, call.action)
        return where in KINDS or where == ("ec2", "CreateTags") or (call.reads and bool(self._unseen(call)))

    def check(self, call: ApiCall) -> None:
        """:raises Refusal: the call names something that nobody sees yet."""
        rows = [row for row in self._unseen(call) if row.kind.code]
        if not rows or ((call.service, call.action) in KINDS and call.service != "ec2"):
            return
        named = set(_leaves(call.input))
        for row in rows:
            for name in row.names & named if not row.keys else ():
                raise Refusal(str(row.kind.code), row.kind.message.format(name), row.kind.status)

    def is_unseen(self, service: str, account: str, region: str, name: str) -> bool:
        """Whether AWS's own agents do not see what is called ``name`` (or an ARN that begins so)."""
        now = time.monotonic()
        with self._lock:
            return any(
                row.where == (service, account, region)
                and row.until > now
                and any(n.startswith(name) for n in row.names)
                for row in self._rows
            )

    def answer(self, call: ApiCall, body: bytes) -> bytes:
        """Note what a call has created, and take out of an answer what nobody sees yet."""
        where = (call.service, call.action)
        until = time.monotonic() + self.consistency.unseen
        if where == ("ec2", "CreateTags"):
            keys = frozenset(str(tag.get("Key")) for tag in call.input.get("Tags", []))
            for name in call.input.get("Resources", []):
                self._add(Unseen(_where(call), _TAGS, frozenset({str(name)}), until, keys))
        elif where in KINDS:
            names = self._created(call, KINDS[where], body)
            if names:
                self._add(Unseen(_where(call), KINDS[where], names, until))
        elif call.reads:
            return self._without(call, body)
        return body

    def _created(self, call: ApiCall, kind: Kind, body: bytes) -> frozenset[str]:
        asked = {str(call.parameters[name]) for name in kind.asked if name in call.parameters}
        return frozenset({*asked, *_values(call.protocol, body, kind.answered)})

    def _add(self, row: Unseen) -> None:
        now = time.monotonic()
        with self._lock:
            self._rows = [*(each for each in self._rows if each.until > now), row]

    def _unseen(self, call: ApiCall) -> list[Unseen]:
        now, where = time.monotonic(), _where(call)
        with self._lock:
            return [row for row in self._rows if row.where == where and row.until > now]

    def _without(self, call: ApiCall, body: bytes) -> bytes:
        rows = self._unseen(call)
        if not rows:
            return body
        filters = call.input.get("Filters", []) if call.service == "ec2" else []
        asked = {str(row.get("Name", "")).removeprefix("tag:") for row in filters if isinstance(row, dict)}
        if call.protocol is Protocol.JSON:
            document = json.loads(body or b"{}")
            _prune_json(document, rows)
            return json.dumps(document).encode()
        root = ElementTree.fromstring(body)
        _prune_xml(root, rows, asked)
        return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _where(call: ApiCall) -> tuple[str, str, str]:
    return call.service, call.account, "" if call.service == "iam" else call.region


def _leaves(node: Any) -> Iterator[str]:
    """The texts in parameters that may name a resource: those of tags and filters do not."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name not in ("Tags", "TagSpecifications", "Filters", "tags"):
                yield from _leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value)
    elif isinstance(node, str):
        yield node


def _values(protocol: Protocol, body: bytes, names: Iterable[str]) -> set[str]:
    """What an answer has under ``names``, the first of each but for tasks, which come several at a time."""
    wanted = set(names)
    found: set[str] = set()
    if not wanted or not body:
        return found
    if protocol is Protocol.JSON:
        found |= set(_json_values(json.loads(body), wanted))
        return found
    seen: set[str] = set()
    for element in ElementTree.fromstring(body).iter():
        name = _plain(element.tag)
        if name in wanted and name not in seen and element.text:
            seen.add(name)
            found.add(element.text)
    return found


def _json_values(node: Any, names: set[str]) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (str(value) for name, value in node.items() if name in names and isinstance(value, str))
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _json_values(each, names)


def _prune_json(node: Any, rows: list[Unseen]) -> None:
    if isinstance(node, list):
        for each in node:
            _prune_json(each, rows)
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        unseen = {each for row in rows if name in row.kind.lists for each in row.names}
        if unseen and isinstance(value, list):
            value[:] = [each for each in value if not _is_one_of(each, unseen)]
        _prune_json(value, rows)


def _is_one_of(item: Any, names: set[str]) -> bool:
    if isinstance(item, str):
        return item in names
    return isinstance(item, dict) and any(isinstance(value, str) and value in names for value in item.values())


def _prune_xml(node: ElementTree.Element, rows: list[Unseen], asked: set[str]) -> None:
    unseen = {each for row in rows if _plain(node.tag) in row.kind.lists for each in row.names}
    for item in list(node):
        texts = {child.text for child in item if child.text and not len(child)}
        if texts & unseen:
            node.remove(item)
            continue
        late = {key for row in rows if row.keys and texts & row.names for key in row.keys}
        if late & asked:
            node.remove(item)
            continue
        if late:
            _prune_tags(item, late)
        _prune_xml(item, rows, asked)


def _prune_tags(item: ElementTree.Element, keys: set[str]) -> None:
    for child in item:
        if _plain(child.tag) == "tagSet":
            for tag in list(child):
                if any(_plain(part.tag) == "key" and part.text in keys for part in tag):
                    child.remove(tag)


def _plain(tag: str) -> str:
    return tag.rpartition("}")[2]


#: The one of this process; :func:`emulator.conduct.desk.configure` gives it its delays.
VISIBILITY = Visibility()
