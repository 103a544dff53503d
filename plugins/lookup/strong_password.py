# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strong passwords that every part of the chain accepts."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: strong_password
version_added: "1.0.0"
short_description: A strong password that every part of the chain accepts
description:
  - Makes a new random password each time it is used, from the operating system's source of random numbers (the
    module C(secrets) of Python). It is kept nowhere; hand it on to what keeps it, such as a secret.
  - It holds ASCII letters and digits only, and at least one lower-case letter, one upper-case letter and one digit.
    RDS, libpq, connection URIs, ini files, HTTP headers, JSON and shells all take these without quoting.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  _terms:
    description: Not used; give none.
    type: list
    elements: str
  length:
    description:
      - Number of characters, from 12, which MLflow demands, to 128, which RDS for PostgreSQL takes.
      - Each holds 5.95 bits, so that V(40) are 238 bits.
    type: int
    default: 40
"""

EXAMPLES = r"""
- name: Keep a new password in Secrets Manager, unless there is one
  community.aws.secretsmanager_secret:
    name: fraud/mlflow/users/alice
    json_secret: "{{ {'username': 'alice', 'password': lookup('mlops.mlflow_aws.strong_password')} }}"
    overwrite: false
"""

RETURN = r"""
_raw:
  description: One password.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.passwords import (
    LONGEST,
    SHORTEST,
    strong_password,
)


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible-core is not typed
    """The lookup, as ansible-core calls it."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """One new password.

        :raises AnsibleLookupError: a term is given, or the length is refused.
        """
        self.set_options(var_options=variables, direct=kwargs)
        if terms:
            raise AnsibleLookupError("strong_password takes no terms; give length=40 or nothing")
        length = self.get_option("length")
        if not SHORTEST <= length <= LONGEST:
            raise AnsibleLookupError(f"strong_password: length is {length}; give {SHORTEST} to {LONGEST}")
        return [strong_password(length)]
