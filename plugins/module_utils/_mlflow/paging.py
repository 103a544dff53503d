# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that MLflow answers page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .errors import NotMlflowError

#: Items of a page. Registered models are refused above it.
PAGE = 1000


def pages(ask: Callable[[str], Mapping[str, Any]], key: str) -> Iterator[Any]:
    """Every item of a list, over all its pages.

    :param ask: the answer to a request with a page token, which is empty for the first page.
    :param key: where the items are in an answer.
    :raises NotMlflowError: a page names one that was read already.
    """
    token, read = "", {""}
    while True:
        said = ask(token)
        yield from said.get(key, [])
        token = str(said.get("next_page_token") or "")
        if not token:
            return
        if token in read:
            raise NotMlflowError(
                f"the server repeats a page of {key}", remedy="check that the url is MLflow's, and its version"
            )
        read.add(token)
