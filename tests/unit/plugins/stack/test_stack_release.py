# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release of MLflow that the index lacks is refused; an index that does not answer is no failure."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.mlops.mlflow_aws.plugins.lookup import release_problems

from tests.unit.plugins.stack.stack_inputs import REQUIRED

OFFERED = ("3.9.0", "3.17.1", "3.18.0", "3.19.0rc1")
#: What each package has: 3.18.0 of mlflow is there before its mlflow-skinny.
PAGES = {
    "/simple/mlflow/": "".join(f'<a href="x">mlflow-{version}-py3-none-any.whl</a><br/>' for version in OFFERED),
    "/simple/mlflow-skinny/": '<a href="x">mlflow_skinny-3.17.1-py3-none-any.whl</a><a>mlflow-skinny-3.9.0.tar.gz</a>',
}


@pytest.fixture(scope="module")
def index() -> Iterator[tuple[str, list[str]]]:
    """The URL of a package index, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            page = PAGES.get(self.path)
            self.send_response(200 if page else 404)
            self.end_headers()
            self.wfile.write((page or "").encode())

        def log_message(self, *_arguments: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple", asked
    server.shutdown()


def told(**variables: Any) -> list[str]:
    known = {**REQUIRED, **variables}
    lookup = release_problems.LookupModule(loader=DataLoader(), templar=Templar(loader=DataLoader(), variables=known))
    lookup._load_name = "mlops.mlflow_aws.release_problems"
    found: list[str] = lookup.run([], variables=known)
    return found


def test_a_release_that_the_index_has(index: tuple[str, list[str]]) -> None:
    assert told(ecs_mlflow_version="3.17.1", ecs_mlflow_index_url=index[0]) == []
    assert told(ecs_mlflow_version="3.9.0", ecs_mlflow_index_url=f"{index[0]}/") == []


@pytest.mark.parametrize(("version", "package"), [("3.99.0", "mlflow"), ("3.18.0", "mlflow-skinny")])
def test_a_release_that_the_index_lacks(index: tuple[str, list[str]], version: str, package: str) -> None:
    (message,) = told(ecs_mlflow_version=version, ecs_mlflow_index_url=index[0])
    assert message.startswith(f"ecs_mlflow_version: {index[0]} has no {package} {version}; use a release that it has")
    # In the order of numbers, and no pre-release.
    assert ("3.9.0, 3.17.1" in message, "rc" in message) == (True, False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/simple", "{index}/nowhere"])
def test_an_index_that_does_not_answer_is_no_failure(index: tuple[str, list[str]], url: str) -> None:
    assert told(ecs_mlflow_version="3.99.0", ecs_mlflow_index_url=url.format(index=index[0])) == []


@pytest.mark.parametrize(
    "variables",
    [{"ecs_mlflow_version": "3.17.2"}, {"ecs_mlflow_version": "3.99.0", "ecs_mlflow_image_has_mlflow": True}],
)
def test_nobody_is_asked_where_nothing_is_resolved(index: tuple[str, list[str]], variables: dict[str, Any]) -> None:
    index[1].clear()
    assert told(ecs_mlflow_index_url=index[0], **variables) == []
    assert index[1] == []
