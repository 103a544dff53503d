# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client: pages, absences, retries, and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.client import EcsClient, LogReader
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.errors import EcsError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.reasons import LogStream
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.roles import NewRoles
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.tags import TagChange
from botocore.exceptions import ClientError

from tests.unit.plugins.ecs.ecs_samples import FakeClock

ARN = "arn:aws:ecs:eu-west-2:123456789012:task-definition/"


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class FakeBoto:
    """Answers each operation with what it was given for it, in order; an exception is raised."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            assert arguments.pop("aws_retry") is True
            self.calls.append((operation, arguments))
            left = self.answers[operation]
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def client(boto: FakeBoto) -> tuple[EcsClient, FakeClock]:
    clock = FakeClock()
    return EcsClient(boto, clock.time, clock.sleep), clock


def revisions(*numbers: int, family: str = "f") -> list[str]:
    return [f"{ARN}{family}:{number}" for number in numbers]


def test_revisions_of_all_pages_by_number_and_of_this_family_only() -> None:
    boto = FakeBoto(
        list_task_definitions=[
            {"taskDefinitionArns": revisions(10, 9), "nextToken": "t"},
            {"taskDefinitionArns": [*revisions(2), *revisions(7, family="f-2")]},
        ]
    )
    assert client(boto)[0].revisions("f") == revisions(2, 9, 10)
    assert boto.calls[1][1]["nextToken"] == "t"


@pytest.mark.parametrize(
    ("active", "inactive", "number"), [([], [], 1), ([3], [], 4), ([], [5], 6), ([4], [9], 10), ([9], [10], 11)]
)
def test_a_number_is_never_used_twice(active: list[int], inactive: list[int], number: int) -> None:
    boto = FakeBoto(
        list_task_definitions=[
            {"taskDefinitionArns": revisions(*active)},
            {"taskDefinitionArns": revisions(*inactive)},
        ]
    )
    assert client(boto)[0].next_number("f") == number


@pytest.mark.parametrize(
    ("name", "found"),
    [("f", 9), ("f:2", 2), (f"{ARN}f:2", 2), ("f:3", None), (f"{ARN}f:10", None), ("g", None), ("g:2", None)],
)
def test_resolve(name: str, found: int | None) -> None:
    boto = FakeBoto(list_task_definitions=[{"taskDefinitionArns": revisions(9, 2)}])

    def described(*, taskDefinition: str, **_: Any) -> dict[str, Any]:
        return {"taskDefinition": {"taskDefinitionArn": taskDefinition}}

    vars(boto)["describe_task_definition"] = described
    revision = client(boto)[0].resolve(name)
    assert (revision.number if revision else None) == found


#: AWS's own words; the sources stand in plugins/module_utils/_transient.py.
NOT_YET = [
    (
        "ClientException",
        "ECS was unable to assume the role 'arn:aws:iam::123456789012:role/web' that was provided for this task. Please"
        " verify that the role being passed has the proper trust relationship and permissions and that your IAM"
        " user has"
        " permissions to pass this role.",
    ),
    (
        "InvalidParameterException",
        "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
    ),
    (
        "InvalidParameterException",
        "Unable to assume role and validate the listeners configured on your load balancer.  Please verify the role"
        " being"
        " passed has the proper permissions.",
    ),
    (
        "InvalidParameterException",
        "ECS was unable to assume the configured ECS Infrastructure Role 'arn:aws:iam::123456789012:role/x'.",
    ),
    (
        "InvalidParameterException",
        "The target group with targetGroupArn arn:x does not have an associated load balancer.",
    ),
    ("ClientException", "Role is not valid"),
]


@pytest.mark.parametrize(("code", "message"), NOT_YET)
@pytest.mark.parametrize(
    ("operation", "method", "answer"),
    [
        ("register_task_definition", "register", {"taskDefinition": {"taskDefinitionArn": f"{ARN}f:1"}}),
        ("run_task", "run_task", {"tasks": [{"taskArn": "a"}]}),
        ("create_service", "create_service", {"service": {}}),
        ("update_service", "update_service", {"service": {}}),
    ],
)
def test_what_was_made_a_moment_ago_is_waited_for(
    operation: str, method: str, answer: Any, code: str, message: str
) -> None:
    ecs, clock = client(FakeBoto(**{operation: [refusal(code, message), refusal(code, message), answer]}))
    getattr(ecs, method)({})
    assert clock.now == 10


@pytest.mark.parametrize(("message", "waited"), [(NOT_YET[0][1], 120), ("Invalid cpu", 0)])
def test_a_refusal_that_stays_is_told(message: str, waited: float) -> None:
    ecs, clock = client(FakeBoto(register_task_definition=[refusal("ClientException", message)]))
    with pytest.raises(EcsError, match=f"Failed to register the task definition.*{re.escape(message)}"):
        ecs.register({"family": "f"})
    assert clock.now == waited


NOT_PASSED = (
    "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: iam:PassRole on resource:"
    " arn:aws:iam::123456789012:role/web because no identity-based policy allows the iam:PassRole action"
)


@pytest.mark.parametrize(
    ("age", "waited"), [(3, 5), (119, 5), (121, None), (86400, None), ("NoSuchEntity", 5), (None, None)]
)
def test_a_role_may_be_passed_once_iam_sees_it(age: Any, waited: float | None) -> None:
    """The same text is permanent for a role that is older (terraform-aws-ecs#414)."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    role = (
        {"Role": {"CreateDate": now - timedelta(seconds=age)}}
        if isinstance(age, int)
        else refusal(age or "AccessDenied")
    )
    iam = FakeBoto(get_role=[role])
    boto = FakeBoto(
        register_task_definition=[
            refusal("AccessDeniedException", NOT_PASSED),
            {"taskDefinition": {"taskDefinitionArn": f"{ARN}f:1"}},
        ]
    )
    clock = FakeClock()
    ecs = EcsClient(boto, clock.time, clock.sleep, NewRoles(lambda: iam, now=lambda: now))
    request = {"family": "f", "executionRoleArn": "arn:aws:iam::123456789012:role/path/web"}
    if waited is None:
        with pytest.raises(EcsError, match="iam:PassRole"):
            ecs.register(request)
    else:
        ecs.register(request)
    assert clock.now == (waited or 0)
    assert {arguments["RoleName"] for _operation, arguments in iam.calls} == {"web"}


def test_one_token_for_all_attempts_to_start_a_task() -> None:
    boto = FakeBoto(run_task=[refusal("ClientException", "Unable to assume the role"), {"tasks": [{"taskArn": "a"}]}])
    assert client(boto)[0].run_task({"cluster": "c"}) == {"taskArn": "a"}
    (_call, first), (_call, second) = boto.calls
    assert first["clientToken"] == second["clientToken"] != ""
    assert first["count"] == 1


def test_no_room_for_a_task() -> None:
    boto = FakeBoto(run_task=[{"tasks": [], "failures": [{"reason": "Capacity is unavailable at this time."}]}])
    with pytest.raises(EcsError, match=r"Capacity is unavailable.*Look at this first.*quota"):
        client(boto)[0].run_task({})


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"services": [{"serviceName": "s"}], "failures": []}, {"serviceName": "s"}),
        ({"services": [], "failures": [{"reason": "MISSING"}]}, None),
        (refusal("ClusterNotFoundException"), None),
    ],
)
def test_service(answer: Any, found: Any) -> None:
    assert client(FakeBoto(describe_services=[answer]))[0].service("c", "s") == found


@pytest.mark.parametrize("answer", [refusal("AccessDeniedException"), {"services": [], "failures": [{"reason": "X"}]}])
def test_what_cannot_be_read_is_not_called_absent(answer: Any) -> None:
    with pytest.raises(EcsError, match="Failed to describe the service"):
        client(FakeBoto(describe_services=[answer]))[0].service("c", "s")


def test_tasks_are_described_a_hundred_at_a_time() -> None:
    one, two = {"taskArn": "1"}, {"taskArn": "2"}
    boto = FakeBoto(
        list_tasks=[{"taskArns": [str(i) for i in range(150)]}], describe_tasks=[{"tasks": [one]}, {"tasks": [two]}]
    )
    assert client(boto)[0].tasks("c", "STOPPED", family="f") == [one, two]
    assert [len(arguments["tasks"]) for name, arguments in boto.calls if name == "describe_tasks"] == [100, 50]


@pytest.mark.parametrize("code", ["ClusterNotFoundException", "ServiceNotFoundException"])
def test_no_tasks_where_there_is_nothing(code: str) -> None:
    assert client(FakeBoto(list_tasks=[refusal(code)]))[0].tasks("c", "RUNNING", service="s") == []


def test_tags() -> None:
    boto = FakeBoto(tag_resource=[{}], untag_resource=[{}])
    client(boto)[0].change_tags("arn", TagChange({"a": "1"}, ["b"]))
    assert boto.calls == [
        ("untag_resource", {"resourceArn": "arn", "tagKeys": ["b"]}),
        ("tag_resource", {"resourceArn": "arn", "tags": [{"key": "a", "value": "1"}]}),
    ]


@pytest.mark.parametrize(
    ("answer", "lines", "expected"),
    [
        ({"events": [{"message": "a\n"}, {"message": "b"}]}, 40, ["a", "b"]),
        ({"events": [{"message": "a"}, {"message": "b"}]}, 1, ["b"]),
        (refusal("ResourceNotFoundException"), 40, []),
        (refusal("AccessDeniedException"), 40, ["could not be read"]),
    ],
)
def test_log_tails(answer: Any, lines: int, expected: list[str]) -> None:
    regions: list[str | None] = []

    def client_for(region: str | None) -> FakeBoto:
        regions.append(region)
        return FakeBoto(get_log_events=[answer])

    tails = LogReader(client_for).tails([LogStream("app", "/g", "s", "eu-west-1")], lines)
    assert len(tails["app"]) == len(expected)
    assert all(words in line for words, line in zip(expected, tails["app"], strict=True))
    assert regions == ["eu-west-1"]


@pytest.mark.parametrize(
    ("pages", "lines", "expected"),
    [
        ([([], "2"), (["a", "b"], "3")], 2, ["a", "b"]),
        ([(["c"], "2"), (["a", "b"], "3")], 3, ["a", "b", "c"]),
        ([(["c"], "2"), (["a", "b"], "3")], 2, ["b", "c"]),
        ([(["a"], "2"), ([], "2")], 9, ["a"]),
        ([([], "2"), ([], "3"), ([], "4"), ([], "5"), ([], "6")], 9, []),
    ],
)
def test_log_tails_of_several_pages(pages: list[tuple[list[str], str]], lines: int, expected: list[str]) -> None:
    """A page may be empty though older ones are not; the end is where the token stays (API GetLogEvents)."""
    answers = [{"events": [{"message": text} for text in page], "nextBackwardToken": token} for page, token in pages]
    boto = FakeBoto(get_log_events=[*answers])
    found = LogReader(lambda region: boto).tails([LogStream("app", "/g", "s", None)], lines)
    assert found == {"app": expected}
    assert len(boto.calls) <= 5
