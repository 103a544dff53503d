# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of Certificate Manager."""

from __future__ import annotations

from typing import Any

from moto.acm.models import CertBundle

from emulator.patches.patching import around


def imported_chains_come_back_as_given() -> None:
    """GetCertificate answers the chain that was imported, without a further root.

    https://docs.aws.amazon.com/acm/latest/APIReference/API_GetCertificate.html (CertificateChain)
    """

    @around(CertBundle, "__init__")
    def initialise(original: Any, self: CertBundle, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        given = kwargs.get("chain") or (args[3] if len(args) > 3 else None)
        if self.type == "IMPORTED":
            self.chain = given or b""


PATCHES = (imported_chains_come_back_as_given,)
