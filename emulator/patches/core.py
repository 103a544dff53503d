# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of what all services of moto share."""

from __future__ import annotations

import random
from typing import Any

from moto.core.responses import BaseResponse
from moto.moto_api._internal.moto_random import MotoRandom

from emulator.iam.errors import Protocol
from emulator.iam.requests import ACTION, PROTOCOL
from emulator.patches.patching import around


def unguessable_secrets() -> None:
    """Access keys, session secrets and GetRandomPassword cannot be guessed.

    moto draws them from a Mersenne Twister, whose next values follow from earlier ones.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html
    """
    system = random.SystemRandom()

    def getrandbits(self: MotoRandom, bits: int) -> int:
        return system.getrandbits(bits)

    def uniform(self: MotoRandom) -> float:
        return system.random()

    setattr(MotoRandom, "getrandbits", getrandbits)  # noqa: B010 (mypy: a method is no variable)
    setattr(MotoRandom, "random", uniform)  # noqa: B010


def the_action_is_the_authorised_one() -> None:
    """A call does what :mod:`emulator.iam` has authorised, with the parameters that it has seen.

    moto takes the first ``Action`` that it finds in a form, a query, the text of a JSON body or a header, and so a
    secret whose value holds ``&SecretId=other`` would be another secret.
    https://docs.aws.amazon.com/IAM/latest/APIReference/CommonParameters.html
    """

    @around(BaseResponse, "setup_class")
    def setup_class(original: Any, self: BaseResponse, request: Any, *args: Any, **options: Any) -> None:
        original(self, request, *args, **options)
        if request.environ.get(PROTOCOL) is Protocol.JSON:
            self.querystring = self.data = {}

    @around(BaseResponse, "_get_action")
    def get_action(original: Any, self: BaseResponse) -> str:
        read = self.normalized_request.environ.get(PROTOCOL)
        if read in (Protocol.QUERY, Protocol.EC2, Protocol.JSON):
            return str(self.normalized_request.environ[ACTION])
        if read in (Protocol.REST_JSON, Protocol.REST_XML):
            return self._get_action_from_method_and_request_uri(self.normalized_request)
        return str(original(self))


PATCHES = (unguessable_secrets, the_action_is_the_authorised_one)
