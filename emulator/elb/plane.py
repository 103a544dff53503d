# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ELB plane: keeps nginx and the health checks in step with moto's elbv2."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from moto.elbv2.models import FakeLoadBalancer

from emulator.elb import api, ports, snapshot, tls
from emulator.elb.certificates import CertificateStore
from emulator.elb.checker import Checker
from emulator.elb.config import LINGER_SECONDS, NO_TARGETS, UNREACHABLE, CertificateFile, Route, Served, cannot, render
from emulator.elb.health import HealthBook
from emulator.elb.model import Balancer, Listener, Snapshot, TargetGroup
from emulator.elb.nginx import Nginx, NginxError, worker_user
from emulator.plane import Context

log = logging.getLogger(__name__)

#: Seconds between two looks at what no API call announces: addresses of tasks, provisioning that is
#: over, ports that are free again, an nginx that died.
TICK_SECONDS = 1.0
#: Changes that come within this time make one reload.
DEBOUNCE_SECONDS = 0.03
#: Seconds until a configuration that nginx did not take is tried once more.
RETRY_SECONDS = 5.0
#: The most that an API call waits for nginx.
SETTLE_SECONDS = 5.0


class ElbPlane:
    """Serves every Application Load Balancer of moto's elbv2 on loopback."""

    name = "elb"
    serves = ()

    def __init__(self, context: Context) -> None:
        folder = context.state / self.name
        self.lock = threading.RLock()
        self.book = HealthBook()
        self._context = context
        self._nginx = Nginx(folder, context.processes)
        self._certificates = CertificateStore(folder / "tls")
        self._checker = Checker(self.book, context.addresses, self._request)
        self._thread = threading.Thread(target=self._run, name="elb-plane", daemon=True)
        self._ready_at: dict[str, float] = {}
        self._problems: Mapping[str, tuple[list[str], bool]] = {}
        self._applied = ""
        self._settled_at = 0.0
        self._bound: frozenset[tuple[str, int]] = frozenset()
        self._refused: tuple[str, float] = ("", 0.0)
        self._verdict: tuple[str, list[Served], dict[str, list[str]]] = ("", [], {})
        self._said = ""
        self._state = threading.Condition()
        self._requested = 1
        self._done = 0
        self._stopping = False

    def install(self) -> None:
        """Hook moto's elbv2."""
        api.install(self)

    def start(self) -> None:
        """Serve from here on. nginx itself starts with the first listener."""
        self._nginx.prepare()
        self._certificates.prepare()
        self._checker.start()
        self._thread.start()

    def stop(self) -> None:
        """End the threads and nginx. May be called twice."""
        with self._state:
            self._stopping = True
            self._state.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._checker.stop()
        self._nginx.stop()

    # What the patched API calls (emulator.elb.api.Hooks)

    def created(self, balancer: FakeLoadBalancer) -> None:
        """Give a new load balancer its name and its time to get ready."""
        taken = {
            other.dns_name
            for backend in snapshot.backends()
            for other in list(backend.load_balancers.values())
            if other is not balancer
        }
        balancer.dns_name = ports.choose_host(taken)
        self._ready_at[balancer.arn] = self._context.clock.ready_at("elb.create")

    def is_ready(self, balancer: FakeLoadBalancer) -> bool:
        """Whether its time is over."""
        return time.monotonic() >= self._ready_at.get(balancer.arn, 0.0)

    def problems(self, arn: str) -> tuple[list[str], bool]:
        """What keeps its listeners from being served, and whether that is all of them."""
        return self._problems.get(arn, ([], False))

    def changed(self) -> None:
        """Let health follow at once (the caller holds the lock), and nginx soon."""
        self.book.update(snapshot.read())
        self._checker.wake()
        self._request()

    def settle(self) -> None:
        """Wait until every request meets the changes that were announced so far.

        That is when nginx has reloaded, and the workers from before have let go of connections that
        a client may send one more request on.
        """
        with self._state:
            wanted = self._requested
            if self._thread.is_alive():
                self._state.wait_for(lambda: self._stopping or self._done >= wanted, SETTLE_SECONDS)
            self._state.wait_for(lambda: self._stopping, max(0.0, self._settled_at - time.monotonic()))

    # The plane's own thread

    def _request(self) -> None:
        with self._state:
            self._requested += 1
            self._state.notify_all()

    def _run(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._stopping or self._requested > self._done, TICK_SECONDS)
                if self._stopping:
                    return
                announced = self._requested > self._done
            if announced:
                time.sleep(DEBOUNCE_SECONDS)
            with self._state:
                ticket = self._requested
            try:
                self._follow()
            except Exception:
                log.exception("the load balancers could not follow a change")
            with self._state:
                self._done = ticket
                self._state.notify_all()

    def _follow(self) -> None:
        with self.lock:
            now = snapshot.read()
            self.book.update(now)
        self._checker.wake()
        self._nginx.trim_logs()
        if not self._nginx.is_running():
            self._applied, self._bound = "", frozenset()
        problems: dict[str, list[str]] = {}
        served = self._servable(now, problems)
        try:
            user = worker_user()
            self._serve(served, self._routes(now), user, problems)
            self._said = ""
        except NginxError as error:
            if str(error) != self._said:  # once, not with every tick
                log.error("the load balancers cannot be served: %s", error)
            self._said = str(error)
            for balancer in now.balancers:
                problems.setdefault(balancer.arn, []).append(f"nginx: {error}")
        listeners = {balancer.arn: len(balancer.listeners) for balancer in now.balancers}
        self._problems = {arn: (found, len(found) >= listeners[arn]) for arn, found in problems.items()}

    def _serve(
        self, served: Sequence[Served], routes: Mapping[str, Route], user: str | None, problems: dict[str, list[str]]
    ) -> None:
        """Make nginx serve exactly ``served``, except load balancers whose configuration it refuses."""
        text = render(served, routes, user)
        if text == self._applied or (not served and not self._applied):
            return
        refused, when = self._refused
        if text == refused and time.monotonic() < when + RETRY_SECONDS:
            raise NginxError("the configuration was refused; the one before it stays in force (see error.log)")
        good, refusals = self._judge(text, served, routes, user)
        for arn, found in refusals.items():
            problems.setdefault(arn, []).extend(found)
        if refusals:
            text = render(good, routes, user)
            if text == self._applied:
                return
        try:
            self._nginx.apply(text)
        except NginxError:
            self._refused = (text, time.monotonic())
            raise
        self._applied = text
        self._settled_at = time.monotonic() + LINGER_SECONDS
        self._bound = frozenset((each.balancer.host, each.listener.port) for each in good)
        self._nginx.answers(self._bound)
        self._certificates.keep(path for each in good for path in each.certificates)
        log.info("serving %s", ", ".join(sorted(f"{host}:{port}" for host, port in self._bound)) or "no listener")

    def _judge(
        self, text: str, served: Sequence[Served], routes: Mapping[str, Route], user: str | None
    ) -> tuple[list[Served], dict[str, list[str]]]:
        """The listeners that nginx accepts, and why not the others: one bad one must not stop the rest.

        A refused configuration is judged once, not with every tick.
        """
        if text == self._verdict[0]:
            return self._verdict[1:]
        good, refusals = list(served), dict[str, list[str]]()
        try:
            self._nginx.test(text)
        except NginxError as error:
            log.error("nginx refuses the configuration: %s", error)
            good = []
            for each in served:
                try:
                    self._nginx.test(render([each], routes, user))
                except NginxError as reason:
                    refusals.setdefault(each.balancer.arn, []).append(f"port {each.listener.port}: {reason}")
                else:
                    good.append(each)
            if not refusals:  # each for itself is good: then nothing is known to leave out
                self._refused = (text, time.monotonic())
                raise
            self._verdict = (text, good, refusals)
        return good, refusals

    def _servable(self, now: Snapshot, problems: dict[str, list[str]]) -> list[Served]:
        found: list[Served] = []
        owners: dict[tuple[str, int], Balancer] = {}
        for balancer in now.balancers:
            for listener in balancer.listeners if balancer.ready else ():
                place = (balancer.host, listener.port)
                try:
                    candidate = Served(balancer, listener, self._files(listener))
                    render([candidate], {})  # what moto let in may still make no sense
                    problem = self._port_problem(place, owners)
                except (OSError, ValueError, LookupError, TypeError) as error:
                    problems.setdefault(balancer.arn, []).append(f"port {listener.port}: {error}")
                    continue
                if problem:
                    problems.setdefault(balancer.arn, []).append(problem)
                else:
                    owners[place] = balancer
                    found.append(candidate)
        return found

    def _port_problem(self, place: tuple[str, int], owners: Mapping[tuple[str, int], Balancer]) -> str | None:
        host, port = place
        if place in owners:
            return (
                f"{host}:{port} is taken by load balancer {owners[place].name}, and this machine has no other "
                "loopback address: give one of the listeners another port"
            )
        return None if place in self._bound else ports.problem(host, port)

    def _files(self, listener: Listener) -> tuple[CertificateFile, ...]:
        if not listener.tls:
            return ()
        if listener.missing:
            raise ValueError(f"certificate {', '.join(listener.missing)} does not exist: import it again")
        if not listener.certificates:
            raise ValueError("an HTTPS listener needs a certificate")
        return tuple(self._certificates.place(each, tls.names(each.chain)) for each in listener.certificates)

    def _routes(self, now: Snapshot) -> dict[str, Route]:
        return {group.arn: self._route(group) for group in now.groups.values() if group.arn in now.served}

    def _route(self, group: TargetGroup) -> Route:
        """Where requests go: to healthy targets; to all while none is healthy, as AWS fails open."""
        if group.kind in ("lambda", "alb"):
            return cannot(f"send requests to targets of type {group.kind}")
        if group.version != "HTTP1":
            return cannot(f"speak {group.version} to targets")
        if not group.targets:
            return NO_TARGETS
        healthy = [target for target in group.targets if self.book.status(target.key).state == "healthy"]
        endpoints = self._resolve(
            group.vpc,
            ((target.address, target.key.port) for target in healthy or group.targets if target.address),
        )
        if not endpoints:
            return UNREACHABLE
        return Route(tls=group.protocol == "HTTPS", least=group.least_outstanding, endpoints=endpoints)

    def _resolve(self, vpc: str, places: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
        found = (self._context.addresses.resolve(vpc, address, port) for address, port in places)
        return tuple(sorted({place for place in found if place is not None}))
