# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which logins work while a rotation goes on, and after a run of it was killed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg2

from tests.deployed.deployed_needles import Needles
from tests.deployed.deployed_stack import Stack
from tests.playbooks import Ended

DATABASE = "database/mlflow"
#: How often a login is tried at MLflow: the load balancer has two tasks.
TRIES = 4


def connects(stack: Stack, login: Mapping[str, str]) -> bool:
    """Whether the database lets this login in."""
    try:
        stack.connect(login).close()
    except psycopg2.OperationalError as error:
        if "password authentication failed" not in str(error):
            raise
        return False
    return True


@dataclass
class Logins:
    """The logins of a stack, and what each secret ever held.

    :param stays: user and password of a user of MLflow that is not rotated.
    :param uses: secrets of logins that are rotated, by their names behind the stack's own.
    """

    stack: Stack
    stays: tuple[str, str] = field(repr=False)
    uses: Sequence[str]
    _seen: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict, repr=False)

    def labels(self, use: str) -> dict[str, str]:
        """Version ids of a secret by their labels."""
        rows = self.stack.aws("secretsmanager").describe_secret(SecretId=f"{self.stack.name}/{use}")
        return {label: version for version, held in rows["VersionIdsToStages"].items() for label in held}

    def look(self, after: str, ended: Ended) -> None:
        """Check what holds at every moment: of each rotated login a labelled version works, and the rest always."""
        stack, working = self.stack, {}
        for use in self.uses:
            self._learn(use)
            labelled = self.labels(use)
            assert set(labelled) <= {"AWSCURRENT", "AWSPREVIOUS"}, (after, use, labelled)
            working[use] = {label for label, version in labelled.items() if self._works(use, self._seen[use][version])}
        assert all(working.values()), (after, working)
        assert {stack.search(self.stays) for _ in range(TRIES)} == {200}, after
        values = {
            f"{use} {version}": value["password"] for use, held in self._seen.items() for version, value in held.items()
        }
        assert Needles(values).found_in(ended.output) == [], after

    def assert_settled(self, previous: set[str]) -> None:
        """Only the present values work.

        :param previous: secrets in which the label AWSPREVIOUS stays.
        """
        for use in self.uses:
            self._learn(use)
            labels = self.labels(use)
            assert set(labels) == {"AWSCURRENT"} | ({"AWSPREVIOUS"} if use in previous else set()), (use, labels)
            works = {version: self._works(use, value) for version, value in self._seen[use].items()}
            assert works == {version: version == labels["AWSCURRENT"] for version in works}, use
            assert len(works) > 1, use
        assert {self.stack.search(self.stays) for _ in range(TRIES)} == {200}

    def _learn(self, use: str) -> None:
        """Note each version that a secret has by now: AWS forgets those without a label."""
        client, name = self.stack.aws("secretsmanager"), f"{self.stack.name}/{use}"
        held = self._seen.setdefault(use, {})
        for version in {*self.labels(use).values()} - held.keys():
            held[version] = json.loads(client.get_secret_value(SecretId=name, VersionId=version)["SecretString"])

    def _works(self, use: str, login: Mapping[str, str]) -> bool:
        if use == DATABASE:
            return connects(self.stack, login)
        said = {self.stack.search((login["username"], login["password"])) for _ in range(TRIES)}
        assert said in ({200}, {401}), (use, said)
        return said == {200}
