#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_parameters
version_added: "1.0.0"
short_description: Set the parameters of an RDS DB parameter group
description:
  - Makes the parameters that somebody set in a DB parameter group exactly these. Dynamic ones are applied at once,
    static ones at the next reboot of each instance.
  - >-
    M(amazon.aws.rds_instance_param_group) makes the group itself. It applies every parameter in the same way, which
    AWS refuses for static ones or leaves to a reboot for dynamic ones, and in check mode it does not see that a value
    differs.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  group:
    description: Name of the DB parameter group.
    type: str
    required: true
  parameters:
    description:
      - Values by the parameters' names. true and false are 1 and 0.
      - A parameter that was set and is not listed goes back to its default.
    type: dict
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
notes:
  - Supports check mode and diff mode. In check mode a group that does not exist yet has no values.
"""

EXAMPLES = r"""
- name: Only TLS, and statements that take more than five seconds in the log
  mlops.mlflow_aws.rds_parameters:
    group: fraud-scoring-mlflow-db-postgres15
    parameters:
      rds.force_ssl: 1
      log_min_duration_statement: 5000
"""

RETURN = r"""
parameters:
  description: The values that were set, after the change.
  returned: always
  type: dict
  sample: {rds.force_ssl: "1", log_min_duration_statement: "5000"}
static:
  description: Names of static parameters that this run changed. They wait for the reboot of each instance of the group.
  returned: always
  type: list
  elements: str
  sample: [max_connections]
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.texts import as_text

ARGUMENTS: dict[str, Any] = {
    "group": {"type": "str", "required": True},
    "parameters": {"type": "dict", "required": True},
}
#: Most parameters in one call (APIs ModifyDBParameterGroup, ResetDBParameterGroup).
MOST_AT_A_TIME = 20

#: Rows of DescribeDBParameters by ParameterName.
Rows = Mapping[str, Mapping[str, Any]]


def problems(rows: Rows, wanted: Mapping[str, Any]) -> list[str]:
    """One sentence for each parameter that cannot be set."""
    found = []
    for name in wanted:
        if name not in rows:
            found.append(f"{name}: there is no such parameter in this group; correct the name or remove it")
        elif not rows[name].get("IsModifiable"):
            found.append(f"{name}: RDS lets nobody change this parameter; remove it")
    return found


def plan(rows: Rows, wanted: Mapping[str, Any]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """What to set and what to reset, as lists for ModifyDBParameterGroup and ResetDBParameterGroup. Pure.

    :param rows: those with the source ``user`` were set by somebody.
    :param wanted: values by name; every name is one of ``rows``.
    """

    def row(name: str) -> dict[str, str]:
        method = "immediate" if rows[name].get("ApplyType") == "dynamic" else "pending-reboot"
        return {"ParameterName": name, "ApplyMethod": method}

    values = {name: as_text(value, rows[name].get("DataType")) for name, value in wanted.items()}
    to_set = [
        {**row(name), "ParameterValue": value}
        for name, value in sorted(values.items())
        if rows[name].get("ParameterValue") != value
    ]
    set_by_somebody = [name for name, known in rows.items() if known.get("Source") == "user"]
    return to_set, [row(name) for name in set_by_somebody if name not in wanted]


def describe(client: Any, group: str) -> Rows | None:
    """The rows of the group by name, or None when there is no such group (API DescribeDBParameters)."""
    pages = client.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=group)
    try:
        return {row["ParameterName"]: row for page in pages for row in page["Parameters"]}
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("DBParameterGroupNotFound", "DBParameterGroupNotFoundFault"):
            return None
        raise


def apply(client: Any, group: str, to_set: Sequence[Mapping[str, str]], to_reset: Sequence[Mapping[str, str]]) -> None:
    """Carry a plan out."""
    for first in range(0, len(to_set), MOST_AT_A_TIME):
        some = to_set[first : first + MOST_AT_A_TIME]
        client.modify_db_parameter_group(DBParameterGroupName=group, Parameters=some)
    for first in range(0, len(to_reset), MOST_AT_A_TIME):
        some = to_reset[first : first + MOST_AT_A_TIME]
        client.reset_db_parameter_group(DBParameterGroupName=group, ResetAllParameters=False, Parameters=some)


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    group, wanted = module.params["group"], module.params["parameters"]
    fail: Callable[..., NoReturn] = module.fail_json
    fail_aws: Callable[..., NoReturn] = module.fail_json_aws
    try:
        client = module.client("rds", config={"retries": {"mode": "standard", "max_attempts": 12}})
        rows = describe(client, group)
        if rows is None:
            if module.check_mode:
                after = {name: as_text(value, None) for name, value in wanted.items()}
                module.exit_json(changed=bool(after), parameters=after, static=[], diff={"before": {}, "after": after})
            fail(
                msg=f"there is no DB parameter group '{group}': make it with amazon.aws.rds_instance_param_group first"
            )
        wrong = problems(rows, wanted)
        if wrong:
            fail(msg="\n".join(wrong))
        to_set, to_reset = plan(rows, wanted)
        if not module.check_mode:
            apply(client, group, to_set, to_reset)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        fail_aws(error, msg=f"Setting the parameters of {group} failed")
    before = {
        name: row.get("ParameterValue") for name, row in rows.items() if row.get("Source") == "user" or name in wanted
    }
    after = {name: as_text(value, rows[name].get("DataType")) for name, value in wanted.items()}
    static = [row["ParameterName"] for row in to_set + to_reset if row["ApplyMethod"] == "pending-reboot"]
    module.exit_json(
        changed=bool(to_set or to_reset), parameters=after, static=static, diff={"before": before, "after": after}
    )


if __name__ == "__main__":
    main()
