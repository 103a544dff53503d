# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any change of anything is exactly one difference; what ECS adds by itself, or reorders, is none."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.task_definition import (
    Revision,
    canonical,
    desired_definition,
    differences,
    plan_definition,
    surplus,
    warnings,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.plugins.ecs.ecs_samples import described

App = dict[str, Any]


def app(options: dict[str, Any]) -> App:
    found: App = options["containers"][1]
    return found


def change(options: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the options with one value changed; ``app.`` starts in the container app."""
    changed = copy.deepcopy(options)
    at: Any = changed
    steps = path.split("/")
    if steps[0] == "app":
        at, steps = app(changed), steps[1:]
    for step in steps[:-1]:
        at = at[int(step)] if step.isdigit() else at[step]
    at[int(steps[-1]) if steps[-1].isdigit() else steps[-1]] = value
    return changed


def pair(name: str, value: str) -> dict[str, str]:
    """An environment variable as ECS writes it."""
    return {"name": name, "value": value}


SECRET = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:db-AbCdEf:password::"
SECRET_2 = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:db-AbCdEg:password::"
CHANGES = [
    ("cpu", "1024", "cpu", {"memory": "2048"}),
    ("memory", "2048", "memory", {}),
    ("execution_role_arn", "arn:aws:iam::123456789012:role/executiom", "execution_role_arn", {}),
    ("task_role_arn", "arn:aws:iam::123456789012:role/tasl", "task_role_arn", {}),
    ("runtime_platform/cpu_architecture", "ARM64", "runtime_platform.cpu_architecture", {}),
    ("ephemeral_storage/size_in_gib", 31, "ephemeral_storage.size_in_gib", {}),
    ("app/image", "python:3.12-slim", "containers.app.image", {}),
    ("app/environment/LEVEL", "infp", "containers.app.environment.LEVEL", {}),
    ("app/environment/PORT", 5001, "containers.app.environment.PORT", {}),
    ("app/environment/CACHE", False, "containers.app.environment.CACHE", {}),
    ("app/environment/NEW", "", "containers.app.environment.NEW", {}),
    ("app/environment/LEVEL", None, "containers.app.environment.LEVEL", {}),
    ("containers/0/environment/EMPTY", "x", "containers.install.environment.EMPTY", {}),
    ("app/secrets/DB_PASSWORD", SECRET_2, "containers.app.secrets.DB_PASSWORD", {}),
    ("containers/0/command/2", "print('hellp')", "containers.install.command", {}),
    ("app/entry_point/1", "-e", "containers.app.entry_point", {}),
    ("app/user", "65534:65533", "containers.app.user", {}),
    ("app/readonly_root_filesystem", False, "containers.app.readonly_root_filesystem", {}),
    ("app/stop_timeout", 61, "containers.app.stop_timeout", {}),
    ("app/cpu", 1, "containers.app.cpu", {}),
    ("app/depends_on/0/condition", "COMPLETE", "containers.app.depends_on", {}),
    ("app/port_mappings/0/container_port", 5001, "containers.app.port_mappings", {}),
    ("app/mount_points/1/read_only", True, "containers.app.mount_points", {}),
    ("app/health_check/interval", 11, "containers.app.health_check.interval", {}),
    ("app/health_check/start_period", 1, "containers.app.health_check.start_period", {}),
    ("app/health_check/command/1", "/opt/app/checj", "containers.app.health_check.command", {}),
    ("app/linux_parameters/init_process_enabled", False, "containers.app.linux_parameters.init_process_enabled", {}),
    ("app/linux_parameters/capabilities/drop", ["NET_RAW"], "containers.app.linux_parameters.capabilities.drop", {}),
    ("app/ulimits/0/soft_limit", 1025, "containers.app.ulimits", {}),
    ("app/log_configuration/options/awslogs-group", "/ecs/wec", None, {}),
    ("app/log_configuration/options/mode", "", None, {}),
    ("app/essential", False, None, {}),
    ("app/docker_labels", {"a": ""}, "containers.app.docker_labels", {}),
    ("containers/0/name", "instalm", None, {}),
    ("volumes/1/name", "scratci", None, {}),
]


@pytest.mark.parametrize(("path", "value", "where", "also"), CHANGES, ids=[f"{c[0]}={c[1]}" for c in CHANGES])
def test_any_single_change_is_seen(
    options: dict[str, Any], path: str, value: Any, where: str | None, also: dict[str, Any]
) -> None:
    before = {**options, **also}
    after = change({**options, **also}, path, value)
    if path == "containers/0/name":
        after["containers"][1]["depends_on"][0]["container_name"] = value
    if path == "volumes/1/name":
        after["containers"][1]["mount_points"][1]["source_volume"] = value
    if path == "app/essential":
        before = copy.deepcopy(before)
        for side in (before, after):
            side["containers"].append({"name": "third", "image": "x"})
    if path == "cpu":
        before["cpu"] = "512"
    latest = Revision("arn:x/web:1", described(desired_definition(before)))
    plan = plan_definition(latest, desired_definition(after), None, True, [])
    assert plan.register is not None
    found = [difference.path for difference in plan.differences]
    if where is not None:
        assert found == [where]
    assert plan.before != plan.after


def test_the_same_definition_needs_nothing(options: dict[str, Any]) -> None:
    request = desired_definition(options)
    plan = plan_definition(Revision("arn:x/web:1", described(request)), request, None, True, [])
    assert (plan.register, plan.differences, bool(plan.tags)) == (None, [], False)
    assert plan.before == plan.after


def test_a_first_revision_is_registered_whole(options: dict[str, Any]) -> None:
    request = desired_definition(options)
    plan = plan_definition(None, request, {"team": "ml"}, True, [])
    assert plan.register == {**request, "tags": [{"key": "team", "value": "ml"}]}
    assert plan.before == {}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("app/environment", [pair("CACHE", "true"), pair("PORT", "5000"), pair("LEVEL", "info")]),
        ("app/secrets", [{"name": "DB_PASSWORD", "valueFrom": SECRET}]),
        ("app/port_mappings", [{"containerPort": "5000", "host_port": 5000, "protocol": "tcp"}]),
        ("app/interactive", False),
        ("containers/0/readonly_root_filesystem", False),
        ("containers/0/privileged", False),
        ("containers/0/cpu", 0),
        ("app/version_consistency", "enabled"),
        ("app/essential", "yes"),
        ("app/dns_servers", []),
        ("app/docker_labels", None),
        ("app/stop_timeout", "60"),
        ("memory", "1 GB"),
        ("cpu", ".5 vCPU"),
        ("enable_fault_injection", False),
    ],
)
def test_another_way_to_say_the_same_is_no_difference(options: dict[str, Any], path: str, value: Any) -> None:
    before = described(desired_definition(options))
    after = desired_definition(change(options, path, value))
    assert differences(canonical(before), canonical(after)) == []


@pytest.mark.parametrize("name", ["mount_points", "environment"])
def test_order_matters_only_where_ecs_cares(options: dict[str, Any], name: str) -> None:
    other = copy.deepcopy(options)
    value = app(other)[name]
    app(other)[name] = dict(reversed(value.items())) if isinstance(value, dict) else list(reversed(value))
    other["containers"].reverse()
    other["volumes"].reverse()
    assert canonical(desired_definition(other)) == canonical(desired_definition(options))
    other["containers"][0]["entry_point"].reverse()
    assert len(differences(canonical(desired_definition(options)), canonical(desired_definition(other)))) == 1


def test_true_is_not_one() -> None:
    assert len(differences({"a": True}, {"a": 1})) == 1


def test_a_variable_that_is_there_twice_is_not_hidden(options: dict[str, Any]) -> None:
    request = desired_definition(options)
    foreign = described(request)
    foreign["containerDefinitions"][0]["environment"].append({"name": "LEVEL", "value": "debug"})
    assert [d.path for d in differences(canonical(foreign), canonical(request))] == [
        "containers.app.environment.LEVEL (2)"
    ]


class TestTags:
    """Tags never need a revision; a revision that is needed anyway takes them along."""

    def plan(self, options: dict[str, Any], has: dict[str, str], tags: Any, purge: bool = True, **changed: Any) -> Any:
        latest = Revision("arn:x/web:1", described(desired_definition(options)), has)
        return plan_definition(latest, desired_definition({**options, **changed}), tags, purge, ["mlflow:ran"])

    @pytest.mark.parametrize(
        ("tags", "purge", "to_set", "to_remove"),
        [
            (None, True, {}, []),
            ({"a": "1"}, True, {}, ["b"]),
            ({"a": "1"}, False, {}, []),
            ({"a": "2", "b": "1"}, True, {"a": "2"}, []),
            ({}, True, {}, ["a", "b"]),
        ],
    )
    def test_in_place(self, options: dict[str, Any], tags: Any, purge: bool, to_set: Any, to_remove: Any) -> None:
        has = {"a": "1", "b": "1", "mlflow:ran": "x", "aws:cloudformation": "y"}
        plan = self.plan(options, has, tags, purge)
        assert plan.register is None
        assert (plan.tags.to_set, plan.tags.to_remove) == (to_set, to_remove)

    @pytest.mark.parametrize(
        ("tags", "purge", "expected"),
        [
            (None, True, {"a": "1"}),
            ({"b": "2"}, True, {"b": "2"}),
            ({"b": "2"}, False, {"a": "1", "b": "2"}),
        ],
    )
    def test_of_a_new_revision(self, options: dict[str, Any], tags: Any, purge: bool, expected: Any) -> None:
        plan = self.plan(options, {"a": "1", "mlflow:ran": "x", "aws:x": "y"}, tags, purge, memory="2048")
        assert {tag["key"]: tag["value"] for tag in plan.register["tags"]} == expected
        assert not plan.tags


def test_advice_on_secrets_in_the_environment(options: dict[str, Any]) -> None:
    app(options)["environment"].update(API_TOKEN="abcdefgh", STORE="postgresql://u:pw@h/d", SECRET_MODE="on")
    told = "\n".join(warnings(desired_definition(options)))
    assert "API_TOKEN" in told
    assert "STORE" in told
    assert "SECRET_MODE" not in told
    assert "abcdefgh" not in told
    assert "pw@" not in told


@pytest.mark.parametrize(
    ("keep", "expected"), [(None, []), (5, []), (3, []), (2, ["f:2"]), (1, ["f:2", "f:9"]), (0, ["f:2", "f:9", "f:10"])]
)
def test_surplus_counts_by_number(keep: int | None, expected: list[str]) -> None:
    assert surplus(["f:10", "f:9", "f:2"], keep) == expected


names = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1, max_size=8)
texts = st.text(max_size=30)
containers = st.fixed_dictionaries(
    {"image": st.text("abc:/", min_size=1)},
    optional={
        "environment": st.dictionaries(names, texts, max_size=4),
        "command": st.lists(texts, max_size=4),
        "entry_point": st.lists(texts, max_size=2),
        "docker_labels": st.dictionaries(texts, texts, max_size=3),
        "user": texts,
        "essential": st.booleans(),
        "privileged": st.booleans(),
        "interactive": st.booleans(),
        "memory_reservation": st.integers(4, 100),
        "port_mappings": st.lists(st.fixed_dictionaries({"container_port": st.integers(1, 65535)}), max_size=3),
        "dns_servers": st.lists(texts, max_size=2),
        "ulimits": st.lists(
            st.fixed_dictionaries(
                {"name": st.just("nofile"), "soft_limit": st.integers(0, 9), "hard_limit": st.integers(0, 9)}
            ),
            max_size=2,
        ),
        "health_check": st.fixed_dictionaries(
            {"command": st.just(["CMD", "x"])},
            optional={"interval": st.integers(5, 300), "retries": st.integers(1, 10)},
        ),
        "log_configuration": st.fixed_dictionaries(
            {"log_driver": st.just("awslogs")}, optional={"options": st.dictionaries(texts, texts, max_size=3)}
        ),
    },
)


@given(st.lists(containers, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_what_is_registered_compares_equal_with_what_ecs_describes(drawn: list[dict[str, Any]]) -> None:
    wanted = {
        "family": "f",
        "cpu": 256,
        "memory": 512,
        "execution_role_arn": "arn:aws:iam::123456789012:role/x",
        "network_mode": "awsvpc",
        "requires_compatibilities": ["FARGATE"],
        "containers": [{"name": "first", "image": "x"}, *({"name": f"c{i}", **c} for i, c in enumerate(drawn))],
    }
    request = desired_definition(wanted)
    plan = plan_definition(Revision("arn:x/f:1", described(request)), request, None, True, [])
    assert plan.differences == []
    assert plan.register is None


@given(st.dictionaries(names, texts, min_size=1, max_size=4), st.data())
@settings(max_examples=100, deadline=None)
def test_any_changed_variable_is_exactly_one_difference(environment: dict[str, str], data: st.DataObject) -> None:
    base = {"family": "f", "requires_compatibilities": [], "network_mode": "bridge"}
    name = data.draw(st.sampled_from(sorted(environment)))
    other = data.draw(texts.filter(lambda text: text != environment[name]))

    def request(variables: dict[str, str]) -> dict[str, Any]:
        return desired_definition({**base, "containers": [{"name": "c", "image": "i", "environment": variables}]})

    latest = Revision("arn:x/f:1", described(request(environment)))
    plan = plan_definition(latest, request({**environment, name: other}), None, True, [])
    assert [difference.path for difference in plan.differences] == [f"containers.c.environment.{name}"]
    assert plan.before != plan.after
