# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of STS."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, STSBackend
from moto.sts.responses import TokenResponse

from emulator.iam.sessions import USER_SESSIONS
from emulator.patches.patching import around


def session_tokens_work() -> None:
    """GetSessionToken answers credentials of the caller; moto answers the constants of the documentation.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """

    @around(TokenResponse, "get_session_token")
    def get_session_token(original: Any, self: TokenResponse) -> ActionResult:
        backend = iam_backends[self.current_account][self.partition]
        owner = backend.access_keys[self.get_access_key()]
        key = backend.create_temp_access_key()
        key.user_name = owner.user_name
        session = AssumedRole(
            account_id=self.current_account,
            region_name=self.region,
            access_key=key,
            role_session_name="",
            role_arn="",
            policy="",
            duration=self._get_int_param("DurationSeconds", 43200),
            external_id="",
        )
        USER_SESSIONS[key.access_key_id] = session
        return ActionResult({"Credentials": session})

    @around(STSBackend, "get_caller_identity")
    def get_caller_identity(original: Any, self: STSBackend, access_key_id: str, region: str) -> Any:
        session = USER_SESSIONS.get(access_key_id)
        if session is not None:
            user = iam_backends[self.account_id][self.partition].users[str(session.access_key.user_name)]
            return user.id, user.arn, self.account_id
        return original(self, access_key_id, region)


PATCHES = (session_tokens_work,)
