# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads that outlast a short outage of AWS, or of the way to it.

botocore tries again by itself, with random pauses that may all be short. Here a read is made again until a time is
over, and never because of an answer that stays the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

Answer = TypeVar("Answer")

#: How long an outage may last, in seconds, before a run ends with it.
PATIENCE = 120
#: Seconds between two tries.
SLEEP = 5
#: The connection was there, or an answer was on its way (botocore/exceptions.py).
_BROKEN = {"ConnectionClosedError", "ReadTimeoutError"}


def is_outage(error: BaseException) -> bool:
    """Whether AWS failed by itself (5xx), hung up, or refused the connection, all of which ends soon as a rule.

    Where a name has no address, or nobody answers at all, the region, the endpoint or the network is wrong: that is
    told at once.
    """
    response: dict[str, Any] = getattr(error, "response", None) or {}
    if response:
        return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500
    kind = type(error).__name__
    return kind in _BROKEN or (kind == "EndpointConnectionError" and "refused" in str(_cause(error)))


def _cause(error: BaseException) -> Any:
    """What urllib3 said, which botocore's sentence leaves out."""
    return getattr(error, "kwargs", {}).get("error", "")


def patiently(
    call: Callable[[], Answer],
    tell: Callable[[str], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """What ``call`` answers, made again during an outage for :data:`PATIENCE` seconds.

    :param call: a read, which may be repeated.
    :param tell: gets a sentence about an outage that is over.
    :raises Exception: what ``call`` raises, if it is no outage or one that lasts.
    """
    began, outage = clock(), ""
    while True:
        try:
            answer = call()
        except Exception as error:
            if not is_outage(error) or clock() - began >= PATIENCE:
                raise
            outage = str(error)
            sleep(SLEEP)
        else:
            if outage:
                tell(f"AWS did not answer for {round(clock() - began)} s, and does again ({outage})")
            return answer
