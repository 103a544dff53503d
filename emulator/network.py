# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The latency of NAT gateways: ``pending`` before ``available``, ``deleting`` before ``deleted``.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NatGateway.html (State)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend

from emulator.patches.patching import around
from emulator.plane import Context


class NetworkPlane:
    """Makes NAT gateways take their time, and frees their interface and address when they are gone."""

    name = "network"
    serves = ()

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._lock = threading.Lock()
        self._timers: set[threading.Timer] = set()
        self._stopped = False

    def install(self) -> None:
        """Hook moto's NAT gateways."""
        plane = self

        @around(EC2Backend, "create_nat_gateway")
        def create_nat_gateway(original: Any, self: EC2Backend, *args: Any, **kwargs: Any) -> Any:
            gateway = original(self, *args, **kwargs)
            gateway.state = "pending"

            def become_available() -> None:
                if gateway.state == "pending":
                    gateway.state = "available"

            plane._after("nat.create", become_available)
            return gateway

        @around(EC2Backend, "delete_nat_gateway")
        def delete_nat_gateway(original: Any, self: EC2Backend, nat_gateway_id: str) -> Any:
            gateway = self.nat_gateways.get(nat_gateway_id)
            if gateway is None:
                raise EC2ClientError("NatGatewayNotFound", f"NatGateway {nat_gateway_id} was not found")
            if gateway.state not in ("deleting", "deleted"):
                gateway.state = "deleting"
                plane._after("nat.delete", lambda: _vanish(self, gateway))
            return gateway

    def _after(self, operation: str, action: Callable[[], None]) -> None:
        seconds = self._clock.seconds(operation)
        if seconds <= 0:
            action()
            return

        def run() -> None:
            action()
            with self._lock:
                self._timers.discard(timer)

        timer = threading.Timer(seconds, run)
        timer.name = operation
        timer.daemon = True
        with self._lock:
            if self._stopped:
                return
            self._timers.add(timer)
        timer.start()

    def start(self) -> None:
        """Nothing runs by itself."""

    def stop(self) -> None:
        """Forget what was to happen later."""
        with self._lock:
            self._stopped = True
            timers, self._timers = self._timers, set()
        for timer in timers:
            timer.cancel()


def _vanish(backend: EC2Backend, gateway: Any) -> None:
    """A deleted gateway gives its interface and its address back."""
    for address in list(backend.addresses):
        if address.eni is not None and address.eni.id == gateway._eni.id:
            backend.disassociate_address(address=address.public_ip)
    backend.enis.pop(gateway._eni.id, None)
    gateway.state = "deleted"
