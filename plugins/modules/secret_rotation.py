#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secret_rotation
version_added: 1.0.0
short_description: Give a secret in AWS Secrets Manager a new random value
description:
  - Gives one member of a secret's JSON value a new random text, as a new version of the secret. The text is made in
    the module and sent once; no task, log or result holds it. The other members stay.
  - What uses the secret must learn of the new version from somebody else. Until then it needs the version before,
    which Secrets Manager labels C(AWSPREVIOUS). O(state=settled) takes that label away and so tells everybody that
    nothing needs that version any more.
  - With O(alternate_key), two users take turns, so that both passwords work while what uses them is replaced. This is
    the strategy that AWS calls "alternating users".
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  name:
    description: Name or ARN of the secret. It must exist.
    type: str
    required: true
  state:
    description:
      - V(rotated) makes a new version each time.
      - V(settled) takes the label C(AWSPREVIOUS) away where there is one.
    type: str
    choices: [rotated, settled]
    default: rotated
  key:
    description: The member of the JSON value that gets the new text.
    type: str
    default: password
  length:
    description: How many characters the new text has. They are letters and digits.
    type: int
    default: 40
  alternate_key:
    description:
      - The member of the JSON value that changes between two names with each rotation.
      - The module then refuses to rotate a secret that is not settled, since both names may be in use.
    type: str
  alternate_suffix:
    description: What the second of the two names has at its end.
    type: str
    default: _clone
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
    details:
      - The diff shows the ids of versions and the alternating name, never the text.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: partial
    details:
      - O(state=rotated) makes a new version each time, as it is meant to. O(state=settled) is idempotent.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
seealso:
  - module: community.aws.secretsmanager_secret
  - name: Rotation strategies
    description: The AWS Secrets Manager user guide on one user and on alternating users.
    link: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotation-strategy.html
"""

EXAMPLES = r"""
- name: A new password for the admin
  mlops.mlflow_aws.secret_rotation:
    name: fraud/mlflow/admin

- name: A new key, and the other database user
  mlops.mlflow_aws.secret_rotation:
    name: "{{ item.name }}"
    key: "{{ item.key }}"
    alternate_key: "{{ item.alternate_key | default(omit) }}"
  loop:
    - {name: fraud/mlflow/flask, key: key}
    - {name: fraud/database/mlflow, key: password, alternate_key: username}

- name: Nothing uses the former database user any more
  mlops.mlflow_aws.secret_rotation:
    name: fraud/database/mlflow
    state: settled
"""

RETURN = r"""
arn:
  description: ARN of the secret.
  returned: always
  type: str
  sample: arn:aws:secretsmanager:eu-west-2:123456789012:secret:fraud/mlflow/admin-a1b2c3
version_id:
  description: The version with the label C(AWSCURRENT) after the change; in check mode, before it.
  returned: always
  type: str
  sample: 0b8f2f0e-4d0e-4d1b-9a37-0d6a0b5f6c11
previous_version_id:
  description: The version with the label C(AWSPREVIOUS) after the change, or null; in check mode, before it.
  returned: always
  type: str
  sample: 51f6a3f7-7a35-4d09-8a94-6a2f9f8f1d02
"""

import json
from typing import Any

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.passwords import (
    LONGEST,
    SHORTEST,
    strong_password,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.rotation import (
    PREVIOUS,
    SECOND_SUFFIX,
    RotationError,
    Versions,
    next_value,
)

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["rotated", "settled"], "default": "rotated"},
    "key": {"type": "str", "default": "password", "no_log": False},
    "length": {"type": "int", "default": 40},
    "alternate_key": {"type": "str", "no_log": False},
    "alternate_suffix": {"type": "str", "default": SECOND_SUFFIX},
}


def look(client: Any, name: str) -> dict[str, Any]:
    """What DescribeSecret answers.

    :raises RotationError: there is no such secret, or it is being deleted.
    """
    try:
        secret: dict[str, Any] = client.describe_secret(SecretId=name)
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise RotationError("there is no such secret; make it with community.aws.secretsmanager_secret") from None
    if "DeletedDate" in secret:
        raise RotationError("it is being deleted; take it back with RestoreSecret first")
    return secret


def rotate(client: Any, secret: dict[str, Any], params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Put a new version. Returns the two sides of the diff, as far as they may be shown.

    :raises RotationError: the secret's value does not fit, or two users are in use already.
    """
    versions, alternate = Versions.of(secret), params["alternate_key"]
    if alternate and versions.previous:
        raise RotationError(
            f"its version {versions.previous} may still be in use. Finish the last rotation, set state=settled, "
            "and then rotate again"
        )
    text = client.get_secret_value(SecretId=secret["ARN"]).get("SecretString", "")
    password = strong_password(params["length"])
    value = next_value(text, params["key"], password, alternate, params["alternate_suffix"])
    made = "(a new one)"
    if not check:
        # boto3 adds a token, so that a request that it repeats makes one version.
        made = client.put_secret_value(SecretId=secret["ARN"], SecretString=json.dumps(value))["VersionId"]
    before = {"version_id": versions.current, "previous_version_id": versions.previous}
    after = {"version_id": made, "previous_version_id": versions.current}
    if alternate:
        before[alternate], after[alternate] = json.loads(text)[alternate], value[alternate]
    return {"before": before, "after": after}


def settle(client: Any, secret: dict[str, Any], check: bool) -> dict[str, Any]:
    """Take the label AWSPREVIOUS away. Returns the two sides of the diff."""
    versions = Versions.of(secret)
    before = {"version_id": versions.current, "previous_version_id": versions.previous}
    if versions.previous and not check:
        client.update_secret_version_stage(
            SecretId=secret["ARN"], VersionStage=PREVIOUS, RemoveFromVersionId=versions.previous
        )
    return {"before": before, "after": {**before, "previous_version_id": None}}


def main() -> None:
    """Entry point."""
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    name = params["name"]
    if not SHORTEST <= params["length"] <= LONGEST:
        module.fail_json(msg=f"length is {params['length']}; give {SHORTEST} to {LONGEST}")
    if not params["alternate_suffix"]:
        module.fail_json(msg="alternate_suffix is empty, so that both names would be one; give a text such as _clone")
    try:
        client = module.client("secretsmanager")
        secret = look(client, name)
        if params["state"] == "rotated":
            diff = rotate(client, secret, params, module.check_mode)
        else:
            diff = settle(client, secret, module.check_mode)
    except RotationError as error:
        module.fail_json(msg=f"The secret {name} cannot be {params['state']}: {error}")
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        module.fail_json_aws(error, msg=f"The secret {name} could not be {params['state']}")
    shown = diff["before"] if module.check_mode else diff["after"]
    module.exit_json(
        changed=diff["before"] != diff["after"],
        arn=secret["ARN"],
        version_id=shown["version_id"],
        previous_version_id=shown["previous_version_id"],
        diff=diff,
    )


if __name__ == "__main__":
    main()
