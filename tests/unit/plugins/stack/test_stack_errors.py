# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed module leaves out of its message. With real tasks: tests/integration/test_what_aws_answered.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.mlflow_aws.plugins.callback.errors import (
    TRACEBACKS,
    CallbackModule,
    ask_for_tracebacks,
    hidden_answer,
    let_modules_send_tracebacks,
    session_over,
    traceback_of,
)

SAID = "An error occurred (InvalidGroup.Duplicate) when calling the CreateSecurityGroup operation: It already exists."
TOLD = "AWS answered: InvalidGroup.Duplicate (CreateSecurityGroup): It already exists."
TRACE = f"Traceback (most recent call last):\n  File x\nbotocore.exceptions.ClientError: {SAID}\n\nDuring handling\n"
THROTTLED = "An error occurred (Throttling) when calling the X operation (reached max retries: 4): y"
WAITED = "Timeout trying to wait for the VPC: Waiter VpcExists failed: Max attempts exceeded"
WAIT_TRACE = (
    "Traceback (most recent call last):\nbotocore.exceptions.WaiterError: Waiter VpcExists failed\n\n"
    f"ansible_collections.amazon.aws.plugins.module_utils.ec2.AnsibleEC2Error: {WAITED}\n"
)
FAILED = "Unable to create security group: Failed to create security group"


@pytest.mark.parametrize(
    ("result", "trace", "told"),
    [
        ({"msg": FAILED}, TRACE, TOLD),
        ({"msg": f"{FAILED}: {SAID}"}, TRACE, None),
        # The last one ended the module.
        ({"msg": "Failed"}, TRACE + THROTTLED, "AWS answered: Throttling (X): y"),
        # It was AWS's client that gave up.
        ({"msg": "Unable to make the VPC"}, WAIT_TRACE, f"The cause: {WAITED}"),
        ({"msg": f"Unable to make the VPC: {WAITED}"}, WAIT_TRACE, None),
        ({"msg": "no such thing"}, "Traceback ...\nValueError: x", None),
        ({"msg": "no such thing"}, "", None),
        # ansible-core 2.19 and newer censor all but the traceback.
        ({"censored": "hidden"}, TRACE, None),
        ({"msg": FAILED, "_ansible_no_log": True}, TRACE, None),
    ],
)
def test_what_a_module_leaves_out(result: dict[str, Any], trace: str, told: str | None) -> None:
    assert hidden_answer(result, trace) == told


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
def test_credentials_that_have_expired_are_one_sentence_with_its_remedy(code: str) -> None:
    said = f"Failed to describe the service: An error occurred ({code}) when calling the DescribeServices operation: x"
    for told in (session_over({"msg": said}, ""), session_over({"msg": "Failed"}, f"Traceback\nClientError: {said}")):
        assert told is not None
        assert f"have expired ({code}): sign in again" in told
        assert "run the same command again" in told
    assert session_over({"msg": FAILED}, TRACE) is None


@pytest.mark.parametrize("hidden", [False, True])
def test_a_storage_that_was_changed_just_before_is_one_sentence_with_its_remedy(hidden: bool) -> None:
    said = (
        "An error occurred (InvalidParameterCombination) when calling the ModifyDBInstance operation: You can't "
        "currently modify the storage of this DB instance because the previous storage change is being optimized."
    )
    shown: list[str] = []
    callback = CallbackModule()
    callback._display = SimpleNamespace(display=lambda text, color: shown.append(text))
    message, trace = ("Unable to modify", f"Traceback\nClientError: {said}") if hidden else (said, "")
    callback.v2_runner_on_failed(SimpleNamespace(_result={"msg": message, "exception": trace}))
    assert len(shown) == 1 + hidden
    assert "set rds_allocated_storage and rds_storage_type back to what the database has" in shown[-1]
    assert "or run it again later" in shown[-1]
    shown.clear()
    callback.v2_runner_on_failed(SimpleNamespace(_result={"msg": FAILED}))
    assert shown == []


def event(trace: str | None, cause: SimpleNamespace | None = None) -> SimpleNamespace:
    """As ansible-core 2.19 and newer keep an error."""
    return SimpleNamespace(formatted_traceback=trace, chain=cause and SimpleNamespace(event=cause))


@pytest.mark.parametrize(
    ("result", "trace"),
    [
        (
            SimpleNamespace(exception=SimpleNamespace(event=event("task", event(None, event("module"))))),
            "module\n\ntask",
        ),
        (SimpleNamespace(exception=None), ""),
        # ansible-core 2.18.
        (SimpleNamespace(_result={"exception": "module"}), "module"),
        (SimpleNamespace(_result={}), ""),
    ],
)
def test_the_traceback_of_any_release(result: Any, trace: str) -> None:
    assert traceback_of(result) == trace


@pytest.mark.parametrize(
    ("module", "given", "events"),
    [
        ("amazon.aws.ec2_security_group", [], ["error"]),
        ("community.aws.ecs_cluster", ["deprecated", "error"], ["deprecated", "error"]),
        ("ansible.builtin.uri", [], []),
    ],
)
def test_modules_of_aws_send_the_traceback(module: str, given: list[str], events: list[str]) -> None:
    arguments: dict[str, Any] = {"_ansible_tracebacks_for": given, "_ansible_no_log": False}
    ask_for_tracebacks(arguments, module)
    assert arguments["_ansible_tracebacks_for"] == events


@pytest.mark.parametrize("arguments", [{"_ansible_tracebacks_for": [], "_ansible_no_log": True}, {"name": "x"}])
def test_neither_secret_tasks_nor_older_releases_are_asked(arguments: dict[str, Any]) -> None:
    """ansible-core 2.18 has no such argument, and a module refuses one that it does not know."""
    former = dict(arguments)
    ask_for_tracebacks(arguments, "amazon.aws.ec2_security_group")
    assert arguments == former


def test_another_core_runs_as_without_the_callback(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is completed is private to ansible-core, and may be gone or called otherwise in the next release."""
    monkeypatch.delattr(ActionBase, "_update_module_args")
    let_modules_send_tracebacks()
    assert not hasattr(ActionBase, "_update_module_args")

    def other(self: Any, *, module: str) -> str:
        return module

    monkeypatch.setattr(ActionBase, "_update_module_args", other, raising=False)
    let_modules_send_tracebacks()
    assert ActionBase._update_module_args(None, module="amazon.aws.ec2_vpc_net") == "amazon.aws.ec2_vpc_net"

    def same(self: Any, module_name: str, module_args: dict[str, Any], task_vars: Any) -> None:
        module_args[TRACEBACKS] = []

    monkeypatch.setattr(ActionBase, "_update_module_args", same)
    let_modules_send_tracebacks()
    arguments: dict[str, Any] = {}
    ActionBase._update_module_args(None, "amazon.aws.ec2_vpc_net", arguments, {})
    assert arguments == {TRACEBACKS: ["error"]}
