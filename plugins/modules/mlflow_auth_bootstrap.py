#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the admin login of an MLflow server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_auth_bootstrap
version_added: 1.0.0
short_description: Make the admin login of an MLflow server exactly this
description:
  - Brings an MLflow server with basic authentication, untouched, half-made or long-running, to the wanted admin
    password. MLflow reads the password in its configuration at the first start only; afterwards a change is a
    call of its API, which this module makes.
  - Tries the wanted password first, then the previous ones, then those that MLflow has shipped; changes the
    password where another than the wanted one logs in.
  - Then logs in on several new connections, and fails where any refuses, or where any password that MLflow has
    shipped is still accepted, for this user or for C(admin).
  - Refuses a wanted password of fewer than 12 characters, or one that MLflow has shipped, before any request.
  - Works with MLflow 2.x and 3.x, and may be repeated at any time, also after it was killed.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  username:
    description:
      - Name of the admin user. It must exist and be an admin.
    type: str
  password:
    description:
      - The password that the admin shall have. Exactly one of it and O(secret_id) is needed, unless the environment
        variable E(MLFLOW_TRACKING_PASSWORD) is set.
    type: str
  previous_passwords:
    description:
      - Passwords that the admin may have now, newest first.
      - With O(secret_id), the secret's earlier versions, C(AWSPREVIOUS) first, are tried after these.
    type: list
    elements: str
    default: []
  previous_secret_ids:
    description:
      - Names or ARNs of further secrets that may hold the password that the admin has now, as O(secret_id) does.
      - They are read only where none of the other passwords logs in. What they hold of another user is left out.
    type: list
    elements: str
    default: []
  connections:
    description:
      - On how many new connections the login is checked, so that every task behind a load balancer is met.
    type: int
    default: 8
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details:
      - In check mode the module logs in to find which password the server has; it changes nothing.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
    details:
      - The diff says where the old password is from, never a password.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
notes:
  - A server whose login cache is on may accept the old password until the cache's time to live ends.
  - Use ASCII characters only. MLflow 3.x takes other passwords too, but refuses them on its artifact routes; the
    module warns of it.
  - An admin that has lost its admin flag cannot give it back to itself; the module says so and changes nothing.
extends_documentation_fragment:
  - mlops.mlflow_aws.mlflow
  - mlops.mlflow_aws.mlflow.wait
  - mlops.mlflow_aws.mlflow.secret
  - amazon.aws.common.modules
  - amazon.aws.region.modules
seealso:
  - module: mlops.mlflow_aws.mlflow_health
  - name: Basic HTTP authentication
    description: MLflow's own documentation.
    link: https://mlflow.org/docs/latest/self-hosting/security/basic-http-auth/
"""

EXAMPLES = r"""
- name: Make the admin what Secrets Manager says, also after a rotation
  mlops.mlflow_aws.mlflow_auth_bootstrap:
    url: https://mlflow.example.org
    secret_id: fraud-scoring-mlflow/mlflow/admin
    region: eu-west-2

- name: Wait for a server that has just been started, then replace the shipped password
  mlops.mlflow_aws.mlflow_auth_bootstrap:
    url: http://127.0.0.1:5000
    username: admin
    password: "{{ mlflow_admin_password }}"
    wait_timeout: 300

- name: Rotate without Secrets Manager
  mlops.mlflow_aws.mlflow_auth_bootstrap:
    url: https://mlflow.example.org
    username: admin
    password: "{{ mlflow_admin_password }}"
    previous_passwords:
      - "{{ mlflow_admin_password_before }}"
"""

RETURN = r"""
username:
  description: The admin user.
  returned: success
  type: str
  sample: admin
authenticated_with:
  description:
    - Where the password is from that the server had. V(wanted) if nothing had to change, V(previous) for an
      earlier one, V(shipped) for one that MLflow has shipped.
  returned: success
  type: str
  sample: previous
user:
  description: The user as the server knows it.
  returned: success
  type: dict
  contains:
    id:
      description: Number of the user in the auth database.
      type: int
      sample: 1
    is_admin:
      description: Whether the user is an admin.
      type: bool
      sample: true
verified_connections:
  description: On how many new connections the login was checked; 0 in check mode where a change is due.
  returned: success
  type: int
  sample: 8
remedy:
  description: What to do about a failure.
  returned: failure
  type: str
  sample: give the password that the server has as one of previous_passwords
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.aws import login_secret, named_secret
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.bootstrap import (
    AdminBootstrap,
    Found,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import MlflowClient
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import (
    InvalidOptionsError,
    MlflowError,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.http import Transport
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.options import (
    checked_wait,
    connection,
    hide,
    hide_url_credentials,
    login,
    mlflow_argument_spec,
    secret_argument_spec,
    wait_argument_spec,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.passwords import (
    narrow_warning,
    refuse_weak,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.wait import Waiter


def argument_spec() -> dict[str, Any]:
    """Options of this module alone and those it shares, without those of AWS."""
    return {
        **mlflow_argument_spec(),
        **wait_argument_spec(120),
        **secret_argument_spec(),
        "previous_passwords": {"type": "list", "elements": "str", "default": [], "no_log": True},
        # Names of secrets, and no secrets.
        "previous_secret_ids": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "connections": {"type": "int", "default": 8},
    }


def bootstrap(module: Any) -> AdminBootstrap:
    """What is wanted, checked before the first request to MLflow."""
    params = module.params
    hide_url_credentials(module)
    hide(module, *params["previous_passwords"], params["password"] or "")
    place = connection(params)
    timeout, sleep = checked_wait(params)
    if not 1 <= params["connections"] <= 100:
        raise InvalidOptionsError(f"connections is {params['connections']}", remedy="give 1 to 100")
    if params["password"]:
        refuse_weak(params["password"])
    secret = login_secret(module)
    wanted = login(params, secret)
    if wanted is None:
        raise InvalidOptionsError("no login is given", remedy="give username and password, or secret_id")
    hide(module, wanted.password)
    refuse_weak(wanted.password)
    warning = narrow_warning(wanted.password)
    if warning:
        module.warn(warning)
    previous = chain(
        params["previous_passwords"], secret.previous() if secret else (), held_elsewhere(module, wanted.username)
    )
    client = MlflowClient(Transport(place))
    return AdminBootstrap(client, wanted, previous, Waiter(timeout, sleep), connections=params["connections"])


def held_elsewhere(module: Any, username: str) -> Iterator[str]:
    """Passwords of this user in ``previous_secret_ids``, each secret read only when it is asked for."""
    for secret_id in module.params["previous_secret_ids"]:
        secret = named_secret(module, secret_id)
        if secret.current().username == username:
            yield secret.current().password
            yield from secret.previous()


def diff(username: str, found: Found) -> dict[str, Any]:
    """Before and after, without any password."""
    before = {"username": username, "password": f"(the {found.candidate.origin} one)"}
    return {"before": before, "after": {**before, "password": "(changed)"} if found.changes else before}


def main() -> None:
    """Find which password the server has, change it where it is not the wanted one, verify."""
    module = AnsibleAWSModule(
        argument_spec=argument_spec(),
        mutually_exclusive=[("password", "secret_id")],
        supports_check_mode=True,
        check_boto3=False,
    )
    try:
        admin = bootstrap(module)
        found = admin.find()
        hide(module, found.candidate.password)
        result = {
            "changed": found.changes,
            "username": found.user.username,
            "authenticated_with": found.candidate.origin,
            "user": {"id": found.user.id, "is_admin": found.user.is_admin},
            "verified_connections": 0,
            "diff": diff(found.user.username, found),
        }
        if found.changes and not module.check_mode:
            result["changed"] = admin.change(found)
        if not (found.changes and module.check_mode):
            admin.verify()
            result["verified_connections"] = module.params["connections"]
    except MlflowError as error:
        module.fail_json(msg=str(error), remedy=error.remedy)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
