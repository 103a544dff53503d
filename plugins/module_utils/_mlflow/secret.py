# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins that lie in AWS Secrets Manager as ``{"username": ..., "password": ...}``.

API: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .errors import MlflowError
from .http import Login

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:  # AnsibleAWSModule says so when a client is asked for
    BotoCoreError = ClientError = Exception

#: How many versions older than AWSPREVIOUS are read where even that one is refused.
OLDEST = 10


class SecretError(MlflowError):
    """The secret cannot be read or holds no login. Never shows any of its content."""


class NoLoginError(SecretError):
    """The secret's text is no JSON object with a user name and a password."""


class LoginSecret:
    """One secret with all its versions.

    :param client: a boto3 ``secretsmanager`` client.
    :param secret_id: name or ARN.
    """

    def __init__(self, client: Any, secret_id: str) -> None:
        self._client = client
        self._secret_id = secret_id
        self._current: Login | None = None

    def current(self) -> Login:
        """The version AWSCURRENT.

        :raises SecretError: it is absent, may not be read, or is no JSON object with both keys.
        """
        if self._current is None:
            found = self._read(VersionStage="AWSCURRENT")
            if found is None:
                raise SecretError(
                    f"secret {self._secret_id} does not exist or has no current value",
                    remedy="check secret_id and region; create the secret first",
                )
            self._current = found
        return self._current

    def previous(self) -> Iterator[str]:
        """Passwords of the earlier versions, AWSPREVIOUS first, each read only when it is asked for.

        A rotation that stopped half-way twice leaves the server on a version older than AWSPREVIOUS; AWS keeps
        such versions for a time without a label. Where the caller may not list versions, AWSPREVIOUS is all.
        """
        for which in self._earlier():
            try:
                older = self._read(**which)
            except NoLoginError:
                # An adopted secret may have held something else before.
                continue
            if older:
                yield older.password

    def _earlier(self) -> Iterator[dict[str, str]]:
        yield {"VersionStage": "AWSPREVIOUS"}
        for version in self._unlabelled():
            yield {"VersionId": version}

    def _unlabelled(self) -> list[str]:
        try:
            pages = self._client.get_paginator("list_secret_version_ids").paginate(
                SecretId=self._secret_id, IncludeDeprecated=True
            )
            listed = [version for page in pages for version in page.get("Versions", [])]
        except (BotoCoreError, ClientError):
            return []
        versions = [
            version for version in listed if not {"AWSCURRENT", "AWSPREVIOUS"} & set(version.get("VersionStages") or [])
        ]
        versions.sort(key=lambda version: str(version.get("CreatedDate", "")), reverse=True)
        return [version["VersionId"] for version in versions[:OLDEST]]

    def _read(self, **which: str) -> Login | None:
        try:
            said = self._client.get_secret_value(SecretId=self._secret_id, **which)
        except (BotoCoreError, ClientError) as error:
            answer = getattr(error, "response", None)  # of ClientError only: AWS has answered
            if answer is None:
                raise SecretError(f"secret {self._secret_id} cannot be read: {error}") from None
            code = str(answer.get("Error", {}).get("Code", "unknown"))
            if code == "ResourceNotFoundException":
                return None
            raise SecretError(
                f"secret {self._secret_id} cannot be read: {code}",
                remedy="allow secretsmanager:GetSecretValue (and kms:Decrypt for its key) to the caller",
            ) from None
        try:
            value = json.loads(said.get("SecretString", ""))
            username, password = value["username"], value["password"]
        except (ValueError, KeyError, TypeError):
            username = password = None
        if not (isinstance(username, str) and username and isinstance(password, str) and password):
            raise NoLoginError(
                f"secret {self._secret_id} holds no login",
                remedy='store it as a JSON object with the keys "username" and "password"',
            ) from None
        return Login(username, password)
