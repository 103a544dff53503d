# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client tokens: a second call with the same token is the first one again.

Source: EC2 API Reference, "Ensuring idempotency": the same token with the same parameters answers what the first call
answered; with others it is IdempotentParameterMismatch.
"""

from __future__ import annotations

import threading
from typing import Any

from emulator.conduct.calls import ApiCall, Refusal

Answer = tuple[str, list[tuple[str, str]], bytes]
_TOKEN = "ClientToken"
#: Tokens are kept for as many calls; AWS keeps them for a day at least.
_KEPT = 10_000


class Tokens:
    """The client tokens of EC2. ECS, which has them too, keeps its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, ...], tuple[dict[str, Any], Answer]] = {}

    @staticmethod
    def concerns(call: ApiCall) -> bool:
        """Whether the call has a token that counts."""
        return call.service == "ec2" and bool(call.input.get(_TOKEN)) and not call.reads

    def known(self, call: ApiCall) -> Answer | None:
        """What the first call with this token was answered; None when this is the first.

        :raises Refusal: the first one had other parameters.
        """
        with self._lock:
            found = self._answers.get(_key(call))
        if found is None:
            return None
        parameters, answer = found
        if parameters != _rest(call):
            raise Refusal(
                "IdempotentParameterMismatch",
                f"The request with client token '{call.input[_TOKEN]}' has parameters that differ from those of an "
                "earlier request with it",
            )
        return answer

    def keep(self, call: ApiCall, answer: Answer) -> None:
        """Remember the answer of a first call that worked."""
        with self._lock:
            while len(self._answers) >= _KEPT:
                del self._answers[next(iter(self._answers))]
            self._answers[_key(call)] = (_rest(call), answer)


def _key(call: ApiCall) -> tuple[str, ...]:
    return call.account, call.region, call.action, str(call.input[_TOKEN])


def _rest(call: ApiCall) -> dict[str, Any]:
    return {name: value for name, value in call.input.items() if name != _TOKEN}
