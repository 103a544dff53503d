# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of a container: read with the execution role when the task starts.

Source: Amazon ECS developer guide, "Pass sensitive data to an Amazon ECS container".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from moto.core.exceptions import JsonRESTError
from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

from emulator.conduct.visibility import VISIBILITY
from emulator.ecs.errors import StartFailure
from emulator.ecs.roles import denial

_BEGIN = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
_RETRIED = "service call has been retried 1 time(s): "
_SECRET = re.compile(
    r"^(?P<arn>arn:[\w-]+:secretsmanager:(?P<region>[\w-]+):(?P<account>\d{12}):secret:[^:]+)"
    r"(?::(?P<key>[^:]*):(?P<stage>[^:]*):(?P<version>[^:]*))?$"
)
_PARAMETER = re.compile(r"^arn:[\w-]+:ssm:(?P<region>[\w-]+):(?P<account>\d{12}):parameter(?P<name>/.+)$")


@dataclass(frozen=True)
class Reader:
    """Reads for one task.

    :param role_arn: the execution role.
    :param session: the session name of AWS's messages: the task id.
    """

    role_arn: str | None
    session: str
    account: str
    region: str
    partition: str = "aws"

    def read(self, value_from: str) -> str:
        """The value that ``value_from`` of a container's ``secrets`` names.

        :raises StartFailure: ResourceInitializationError in AWS's words; never with a value in it.
        """
        if ":secretsmanager:" in value_from:
            return self._secret(value_from)
        return self._parameter(value_from)

    def _secret(self, value_from: str) -> str:
        parts = _SECRET.match(value_from)
        asm = _BEGIN + "unable to retrieve secret from asm: "
        if parts is None:
            raise StartFailure(
                f"{asm}unexpected ARN format with parameters when trying to retrieve ASM secret: {value_from}"
            )
        failed = f"{asm}{_RETRIED}failed to fetch secret {parts['arn']} from secrets manager: "
        backend = secretsmanager_backends[parts["account"]][parts["region"]]
        known = backend.secrets.get(parts["arn"])
        # Policies name the full ARN, whatever part of it the definition gives.
        resource = known.arn if known is not None else parts["arn"]
        if VISIBILITY.is_unseen("secretsmanager", parts["account"], parts["region"], parts["arn"]):
            words = "ResourceNotFoundException: Secrets Manager can't find the specified secret."
            raise StartFailure(f"{failed}{words}")
        denied = denial(self.role_arn, self.session, "secretsmanager:GetSecretValue", resource)
        if denied:
            raise StartFailure(f"{failed}{denied} status code: 400")
        version, stage = parts["version"] or None, parts["stage"] or None
        try:
            found = backend.get_secret_value(
                parts["arn"],
                version_id=version,  # type: ignore[arg-type]
                version_stage=stage or (None if version else "AWSCURRENT"),  # type: ignore[arg-type]
            )
        except JsonRESTError as error:
            raise StartFailure(f"{failed}{error.error_type}: {error.message}") from None
        text = found.get("SecretString")
        if text is None:
            raise StartFailure(f"{failed}secret {parts['arn']} has no string value")
        return _json_key(str(text), parts["key"], asm) if parts["key"] else str(text)

    def _parameter(self, value_from: str) -> str:
        parts = _PARAMETER.match(value_from)
        account, region = (parts["account"], parts["region"]) if parts else (self.account, self.region)
        name = value_from
        if parts:
            # "parameter/name" is the ARN of both "name" and "/name"; a name with folders has a slash.
            name = parts["name"] if "/" in parts["name"][1:] else parts["name"][1:]
        ssm = _BEGIN + "unable to retrieve secrets from ssm: "
        arn = f"arn:{self.partition}:ssm:{region}:{account}:parameter/{name.lstrip('/')}"
        denied = denial(self.role_arn, self.session, "ssm:GetParameters", arn)
        if denied:
            raise StartFailure(f"{ssm}{_RETRIED}{denied} status code: 400")
        backend = ssm_backends[account][region]
        found = backend.get_parameter(name) or (backend.get_parameter("/" + name) if parts else None)
        if found is None:
            raise StartFailure(f"{ssm}{_RETRIED}invalid ssm parameters: {name}")
        return str(found.response_object(decrypt=True, region=region)["Value"])


def _json_key(text: str, key: str, asm: str) -> str:
    try:
        document = json.loads(text)
    except ValueError:
        # The parser's own message quotes the text: the secret.
        raise StartFailure(f"{asm}{_RETRIED}invalid character looking for beginning of value") from None
    if not isinstance(document, dict) or key not in document:
        raise StartFailure(f"{asm}retrieved secret from Secrets Manager did not contain json key {key}")
    value = document[key]
    return value if isinstance(value, str) else json.dumps(value)
