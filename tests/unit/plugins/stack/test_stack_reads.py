# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One discovery sends each request once, whichever components need the answer, and changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.database_offers import Database
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.read_once import ReadOnce
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names

from tests.unit.plugins.stack import stack_looks, stack_whole

REGION = "eu-west-2"


def test_no_request_is_sent_twice(aws: Any) -> None:
    names = stack_names("read-once", REGION)
    stack_whole.make(stack_looks.clients(aws.client), names, REGION, {})
    clients, sent = stack_looks.clients(aws.client), Counter[str]()

    def count(model: Any, params: Any, **_more: Any) -> None:
        asked = {key: params[key] for key in ("url_path", "query_string", "body")}
        sent[f"{model.service_model.service_name} {model.name} {json.dumps(asked, sort_keys=True, default=str)}"] += 1

    for client in clients.values():
        client.meta.events.register("before-call", count)
    stack_looks.both(clients, names, REGION, bucket_name=stack_whole.bucket_of(names))
    assert [request for request, number in sent.items() if number > 1] == []
    assert len(sent) > 60
    verbs = {request.split()[1] for request in sent}
    assert {verb for verb in verbs if not verb.startswith(("Describe", "Get", "Head", "List"))} == set()
    # The facts of the region ask for more, and for nothing again.
    before = sum(sent.values())
    stack_looks.facts(clients, names, REGION, Database("db.t3.micro", "15", []))
    assert sum(sent.values()) > before


class Asked:
    """A client that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def describe_vpcs(self, **arguments: Any) -> list[str]:
        self.asked.append(arguments)
        return ["vpc-1"]


def test_threads_that_ask_at_once_get_one_answer() -> None:
    client = Asked()
    once = ReadOnce(client)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: once.describe_vpcs(VpcIds=["vpc-1"]), range(64)))
    assert (answers, client.asked) == ([["vpc-1"]] * 64, [{"VpcIds": ["vpc-1"]}])
    assert once.describe_vpcs() == ["vpc-1"]
    assert len(client.asked) == 2


def test_a_refusal_is_an_answer() -> None:
    class Refusing:
        tries = 0

        def get_role(self, **_arguments: Any) -> None:
            self.tries += 1
            raise PermissionError("no")

    client = Refusing()
    once = ReadOnce(client)
    for _try in range(3):
        with pytest.raises(PermissionError, match="no"):
            once.get_role(RoleName="x")
    assert client.tries == 1


@pytest.mark.parametrize("operation", ["delete_vpc", "create_tags", "put_object", "modify_db_instance"])
def test_a_discovery_changes_nothing(operation: str) -> None:
    with pytest.raises(AttributeError, match="is not a read"):
        getattr(ReadOnce(object()), operation)
