# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each read of AWS once: several components need the same answer, and are read at the same time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from threading import Lock
from typing import Any

#: What reads begin with. Anything else may change something, and is never sent by a discovery.
_READS = ("describe_", "get_", "head_", "list_")


class ReadOnce:
    """A boto3 client whose reads are sent once; who asks again, also from another thread, gets the same answer.

    :param client: of one service.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._answers: dict[tuple[str, str], Future[Any]] = {}
        self._lock = Lock()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """An operation of the client, such as ``describe_vpcs``.

        :raises AttributeError: the operation is no read.
        """
        if not operation.startswith(_READS):
            raise AttributeError(f"{operation} is not a read")
        return lambda **arguments: self._once(
            operation, arguments, lambda: getattr(self._client, operation)(**arguments)
        )

    def get_paginator(self, operation: str) -> _Paginator:
        """The paginator of an operation."""
        return _Paginator(
            lambda arguments: self._once(
                f"all pages of {operation}",
                arguments,
                lambda: list(self._client.get_paginator(operation).paginate(**arguments)),
            )
        )

    def _once(self, what: str, arguments: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        key = what, json.dumps(arguments, sort_keys=True, default=str)
        with self._lock:
            answer = self._answers.get(key)
            first = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
        if first:
            try:
                answer.set_result(call())
            except BaseException as error:  # whoever waits for the answer has to learn of it
                answer.set_exception(error)
        return answer.result()


class _Paginator:
    def __init__(self, pages: Callable[[Mapping[str, Any]], list[dict[str, Any]]]) -> None:
        self._pages = pages

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        """The pages, as boto3 gives them."""
        return iter(self._pages(arguments))
