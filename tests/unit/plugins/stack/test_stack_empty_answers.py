# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where AWS answers with something in it, others (and AWS itself, between two calls) may answer an empty list.

Each list in each answer that discovery and the readers of the settings get is emptied in turn. What is read then is
less, and the plan then says that it is not there; it never ends in an IndexError or KeyError.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.database_offers import Database
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import teardown
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.existing import Existing, existing_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.lost import lost_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames, stack_names
from botocore.exceptions import ClientError

from tests.unit.plugins.stack import stack_looks, stack_whole

REGION = "eu-south-1"
#: A list in an answer: service, operation, and the keys on the way to it. ``[]`` stands for each row of a list.
Place = tuple[str, str, tuple[str, ...]]


class Recorded:
    """A boto3 client that asks once, and answers with one list emptied."""

    def __init__(self, service: str, real: Any, known: dict[str, Any], places: set[Place]) -> None:
        self._service, self._real, self._known, self._places = service, real, known, places
        self.emptied: Place | None = None

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **arguments: self._answer(operation, arguments)

    def get_paginator(self, operation: str) -> Any:
        return _Paginator(self, operation)

    def pages(self, operation: str, arguments: dict[str, Any]) -> list[Any]:
        found: list[Any] = self._answer(operation, arguments, paged=True)
        return found

    def _answer(self, operation: str, arguments: dict[str, Any], paged: bool = False) -> Any:
        key = json.dumps([self._service, operation, arguments, paged], sort_keys=True)
        if key not in self._known:
            try:
                if paged:
                    self._known[key] = list(self._real.get_paginator(operation).paginate(**arguments))
                else:
                    self._known[key] = getattr(self._real, operation)(**arguments)
            except ClientError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, ClientError):
            raise found
        for page in found if paged else [found]:
            for path in _lists(page):
                self._places.add((self._service, operation, path))
        found = copy.deepcopy(found)
        if self.emptied and self.emptied[:2] == (self._service, operation):
            for page in found if paged else [found]:
                _empty(page, self.emptied[2])
        return found


class _Paginator:
    def __init__(self, client: Recorded, operation: str) -> None:
        self._client, self._operation = client, operation

    def paginate(self, **arguments: Any) -> Iterator[Any]:
        return iter(self._client.pages(self._operation, arguments))


def _lists(value: Any) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key != "ResponseMetadata":
                if isinstance(item, list) and item:
                    yield (key,)
                yield from ((key, *rest) for rest in _lists(item))
    elif isinstance(value, list):
        for item in value:
            yield from (("[]", *rest) for rest in _lists(item))


def _empty(value: Any, path: tuple[str, ...]) -> None:
    if path[0] == "[]":
        for item in value if isinstance(value, list) else []:
            _empty(item, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        if len(path) == 1:
            value[path[0]] = []
        else:
            _empty(value[path[0]], path[1:])


def _read(clients: dict[str, Any], names: StackNames, existing: Existing) -> None:
    """All that stack_info reads of a stack, and makes of it."""
    bucket = stack_whole.bucket_of(names)
    found, _current = stack_looks.both(clients, names, REGION, bucket_name=bucket, existing=existing)
    asked = Database("db.t3.micro", "15", ["max_connections"])
    stack_looks.facts(clients, names, REGION, asked, bucket_name=bucket, existing=existing)
    existing_problems(existing, found, REGION)
    lost_problems(found, names, REGION)
    if not existing.vpc_id:
        teardown.owned_vpcs(clients["ec2"], names)
        teardown.obstacles(clients["ec2"], names, found)


@pytest.fixture(scope="module")
def stack(aws: Any) -> Iterator[tuple[dict[str, Any], StackNames, Existing]]:
    """A whole stack, and its parts as those of somebody else would be given."""
    names = stack_names("emptied", REGION)
    real = stack_whole.clients(lambda service: aws.client(service, region=REGION))
    stack_whole.make(real, names, REGION, {})
    found, _settings = stack_whole.read(real, names, REGION)
    network = found["network"]
    existing = Existing(
        vpc_id=network["vpc_id"],
        public_subnet_ids=tuple(network["public_subnet_ids"]),
        private_subnet_ids=tuple(network["private_subnet_ids"]),
        security_group_ids=network["security_group_ids"],
        db_instance=names.database,
        master_secret_arn=found["secrets"]["master"]["arn"],
        target_group_arn=found["alb"]["target_group_arn"],
    )
    yield real, names, existing
    real["rds"].delete_db_instance(DBInstanceIdentifier=names.database, SkipFinalSnapshot=True)


@pytest.mark.parametrize("whose", ["own", "given"])
def test_no_empty_list_ends_in_a_traceback(stack: tuple[dict[str, Any], StackNames, Existing], whose: str) -> None:
    real, names, brought = stack
    existing = brought if whose == "given" else Existing()
    known: dict[str, Any] = {}
    places: set[Place] = set()
    clients = {service: Recorded(service, client, known, places) for service, client in real.items()}
    _read(clients, names, existing)
    assert len(places) > 60
    wrong = {}
    for place in sorted(places):
        for client in clients.values():
            client.emptied = place
        try:
            _read(clients, names, existing)
        except Exception as error:  # a traceback to whoever runs the playbook
            wrong[".".join([place[0], place[1], *place[2]])] = repr(error)
    assert wrong == {}
