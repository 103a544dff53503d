# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""More database connections than there are is one sentence before the first change: figures and remedies."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow import connections
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.kinds import SERVICE
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.connection_facts import (
    DEFAULT,
    class_memory,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.database_offers import Database
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.existing import Existing
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names
from botocore.exceptions import ClientError

from tests.unit.plugins.run_module import ROOT
from tests.unit.plugins.stack import stack_looks
from tests.unit.plugins.stack.stack_inputs import everything

GIB = 2**30
MICRO = {"instance_class": "db.t3.micro", "memory": GIB, "max_connections": DEFAULT}


def _found(facts: dict[str, Any] | None = None, **overrides: Any) -> list[str]:
    region = {"region": "eu-west-2", "connections": facts or MICRO}
    return problems.ACCOUNT_CHECKS["ecs_mlflow"](everything(**overrides), region, {})


@pytest.mark.parametrize(
    ("gib", "seen"),
    # Read from instances (the gist that the module names); about 80 are known of db.t3.micro.
    [(1, 81), (2, 198), (4, 413), (8, 856), (15.25, 1660)],
)
def test_the_estimate_is_a_little_below_what_people_have_seen(gib: float, seen: int) -> None:
    estimate = connections.max_connections(DEFAULT, int(gib * GIB))
    assert estimate is not None
    assert 0.94 * seen <= estimate < seen


@pytest.mark.parametrize(
    ("text", "memory", "number"),
    [
        ("150", None, 150),
        (" 150 ", GIB, 150),
        (DEFAULT, 1024 * GIB, 5000),
        (DEFAULT, None, None),
        ("{DBInstanceClassMemory/9531392}", GIB, 79),
        ("GREATEST({DBInstanceClassMemory/9531392}, 100)", GIB, 100),
        ("LEAST({DBInstanceClassMemory*2/9531392},5000)", GIB, 159),
        ("{DBInstanceClassMemory/9531392*2}", GIB, 158),
        ("SUM({DBInstanceClassMemory/9531392}, 100)", GIB, 179),
        ("{DBInstanceClassMemory/0}", GIB, None),
        ("GREATEST({log(DBInstanceClassMemory/805306368)*45},3)", GIB, None),
        ("", GIB, None),
    ],
)
def test_numbers_and_formulas_of_rds(text: str, memory: int | None, number: int | None) -> None:
    assert connections.max_connections(text, memory) == number


def test_a_formula_that_cannot_be_evaluated_is_refused() -> None:
    formula = "{log(DBInstanceClassMemory/805306368)*45}"
    (message,) = _found(rds_parameters={"max_connections": formula})
    assert message.startswith(f"rds_parameters.max_connections: '{formula}' cannot be evaluated here for db.t3.micro")
    assert "give a number" in message
    # That of a database of one's own is its owner's business.
    assert _found({**MICRO, "max_connections": formula}, stack_db_instance="team-db") == []


def test_the_defaults_fit_and_one_task_more_does_not() -> None:
    assert _found() == []
    (message,) = _found(ecs_mlflow_max_count=4)
    assert message == (
        "ecs_mlflow_max_count: 4, and a deployment runs twice as many tasks, which can open 96 database "
        "connections (12 per task), but the database (db.t3.micro) has about 74 for them (max_connections 79, of which "
        "RDS keeps 5); set ecs_mlflow_max_count to 3, or take an rds_instance_class with 2 GiB of memory or more, or "
        "lower ecs_mlflow_workers or ecs_mlflow_pool_size (docs/sizing.md)"
    )


@pytest.mark.parametrize("inventory", ["dev", "local", "prod"])
def test_each_inventory_fits_with_room_for_its_autoscaling(inventory: str) -> None:
    text = (ROOT / "inventories" / inventory / "group_vars" / "mlflow.yml").read_text(encoding="utf-8")
    existing = {name: value for name, value in yaml.safe_load(text).items() if not name.startswith("ansible_")}
    values = everything(**existing)
    assert _found(**existing) == []
    assert not values["ecs_mlflow_autoscaling"] or values["ecs_mlflow_max_count"] > values["ecs_mlflow_desired_count"]


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"ecs_mlflow_autoscaling": False, "ecs_mlflow_desired_count": 4}, ("ecs_mlflow_desired_count: 4", "to 3, or")),
        ({"ecs_mlflow_memory": 2048}, ("can open 144", "24 per task", "set ecs_mlflow_max_count to 1, or")),
        ({"ecs_mlflow_pool_size": 21}, ("can open 504", "; take an rds_instance_class with 8 GiB")),
        ({"ecs_mlflow_workers": 3, "ecs_mlflow_memory": 2048}, ("(18 per task)", "with 2 GiB")),
        (
            {"rds_parameters": {"max_connections": 60}},
            ("has about 55 for them (max_connections 60", "raise max_connections in its parameter group (rds_param"),
        ),
    ],
)
def test_what_does_not_fit(overrides: dict[str, Any], says: tuple[str, ...]) -> None:
    (message,) = _found(**overrides)
    assert [text for text in says if text not in message] == [], message


@pytest.mark.parametrize(
    ("facts", "overrides"),
    [
        ({**MICRO, "memory": 2 * GIB}, {"ecs_mlflow_max_count": 7}),
        (MICRO, {"ecs_mlflow_max_count": 4, "ecs_mlflow_workers": 1}),
        (MICRO, {"ecs_mlflow_max_count": 6, "rds_parameters": {"max_connections": 149}}),
        # Without autoscaling nothing goes up to it.
        (MICRO, {"ecs_mlflow_max_count": 20, "ecs_mlflow_autoscaling": False}),
        # An instance type that EC2 does not know: nothing is claimed.
        ({**MICRO, "memory": None}, {"ecs_mlflow_max_count": 20}),
    ],
)
def test_what_fits_or_cannot_be_told(facts: dict[str, Any], overrides: dict[str, Any]) -> None:
    assert _found(facts, **overrides) == []


OWN = {
    "stack_vpc_id": "vpc-0a1b2c3d4e5f67890",
    "stack_private_subnet_ids": ["subnet-0a1b2c3d4e5f67892", "subnet-0a1b2c3d4e5f67893"],
    "stack_db_instance": "connected-postgres",
    "stack_db_master_secret_arn": "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!db-0a1b2c3d",
}


def test_a_database_of_somebody_s_own_counts_by_its_own_class_and_parameters() -> None:
    """Whatever stands in the variables of the role rds, which does nothing then."""
    facts = {"instance_class": "db.t4g.micro", "memory": GIB, "max_connections": "50"}
    (message,) = _found(facts, rds_parameters={"max_connections": 500}, **OWN)
    assert "connected-postgres (db.t4g.micro) has about 45 for them (max_connections 50" in message
    assert "raise max_connections in its parameter group, or" in message
    (message,) = _found({**facts, "max_connections": DEFAULT}, ecs_mlflow_max_count=6, **OWN)
    assert "give it a class with 2 GiB of memory or more" in message


def test_the_service_runs_as_many_tasks_during_a_deployment_as_are_counted() -> None:
    (percent,) = [field.desired for field in SERVICE.fields if field.name == "maximum_percent"]
    assert percent == connections.DEPLOYING


REGION = "eu-west-2"


def _asked(aws: Any, existing: Existing | None = None) -> Any:
    clients, names = stack_looks.clients(aws.client), stack_names("fraud", REGION)
    return stack_looks.facts(clients, names, REGION, Database("db.t3.small", "15", []), existing=existing)[
        "connections"
    ]


def test_the_class_that_is_wanted_is_asked_about(aws: Any) -> None:
    assert _asked(aws) == {"instance_class": "db.t3.small", "memory": 2 * GIB, "max_connections": DEFAULT}


def test_a_given_database_is_asked_about_its_class_and_its_parameters(aws: Any) -> None:
    rds = aws.client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName="team", DBParameterGroupFamily="postgres15", Description="of the team"
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName="team",
        Parameters=[{"ParameterName": "max_connections", "ParameterValue": "321", "ApplyMethod": "pending-reboot"}],
    )
    rds.create_db_instance(
        DBInstanceIdentifier="connected-postgres",
        DBInstanceClass="db.m5.large",
        Engine="postgres",
        EngineVersion="15.10",
        MasterUsername="team",
        MasterUserPassword="".join(("not", "-a-", "secret")),
        AllocatedStorage=20,
        DBParameterGroupName="team",
    )
    existing = Existing(vpc_id="vpc-1", db_instance="connected-postgres")
    assert _asked(aws, existing) == {"instance_class": "db.m5.large", "memory": 8 * GIB, "max_connections": "321"}
    rds.delete_db_instance(DBInstanceIdentifier="connected-postgres", SkipFinalSnapshot=True)
    assert _asked(aws, existing) is None


def test_a_class_that_ec2_does_not_know_has_no_memory(aws: Any) -> None:
    assert class_memory(aws.client("ec2"), "db.odd.micro") is None


class _Denied:
    def describe_instance_types(self, **_asked: Any) -> Any:
        raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "DescribeInstanceTypes")


def test_a_refused_read_is_not_taken_for_an_unknown_class() -> None:
    with pytest.raises(ClientError):
        class_memory(_Denied(), "db.t3.micro")
