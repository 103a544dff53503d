# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers -> the text of an nginx configuration. Pure: no clock, no files, no moto.

How a request finds its way: the conditions of a listener's rules are maps that end in one variable,
the name of a location. ``location /`` answers the unused status 418, and ``error_page`` hands every
418 to the named location of that variable: unlike ``rewrite`` this leaves method, path and body
alone, and a client cannot name such a location.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emulator.elb import action, match, tls
from emulator.elb.model import Balancer, Listener, Rule, forward_weights, short
from emulator.elb.text import quoted, table

#: AWS gives up connecting to a target after this many seconds, and answers 504.
CONNECT_SECONDS = 10
#: How long a worker that a reload retired may still serve what it had begun: longer than any upload.
RETIRE_SECONDS = 3600
#: A worker that a reload retires keeps client connections that were just used for so long: a request
#: that follows is answered, not reset. It is also how long an old route can still be taken.
LINGER_SECONDS = 0.3

_COMMON_PORTS = (80, 443)


@dataclass(frozen=True)
class CertificateFile:
    """Where a certificate chain and its key are, and the names that it is for."""

    chain: str
    key: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Served:
    """A listener that nginx binds. The first certificate is the default one."""

    balancer: Balancer
    listener: Listener
    certificates: tuple[CertificateFile, ...] = ()


@dataclass(frozen=True)
class Route:
    """Where requests for a target group go.

    :param endpoints: loopback addresses of the targets in service; empty when ``refusal`` is set.
    :param refusal: the body of the location that answers instead.
    """

    tls: bool = False
    least: bool = False
    endpoints: tuple[tuple[str, int], ...] = ()
    refusal: str = ""


#: AWS answers 503 when a target group has no registered targets.
NO_TARGETS = Route(refusal="            return 503;\n")
#: Registered, but nobody has the address: AWS's connection attempt would time out.
UNREACHABLE = Route(refusal="            return 504;\n")


def cannot(what: str) -> Route:
    """A route that says that the embedded AWS cannot do ``what``."""
    return Route(refusal=action.answer(501, f"The embedded AWS cannot {what}.\n"))


def render(served: Sequence[Served], routes: Mapping[str, Route], user: str | None = None) -> str:
    """The whole configuration.

    :param routes: by target group ARN; a group without one has no targets.
    :param user: ``name group`` of the workers, None to keep the user that runs nginx.
    """
    used = {arn for each in served for rule in each.listener.rules for arn in _groups(rule)}
    blocks = [_upstream(arn, routes[arn]) for arn in sorted(used) if routes.get(arn, NO_TARGETS).endpoints]
    ports = sorted({each.listener.port for each in served} - set(_COMMON_PORTS))
    blocks += [_host_with_port(port) for port in ports]
    for each in served:
        blocks.append(_routing(each.listener))
        blocks += _servers(each, routes)
    return _head(user) + "\n".join(blocks) + "\n}\n"


def _head(user: str | None) -> str:
    return f"""\
{f"user {user};" if user else ""}
daemon off;
worker_processes 1;
worker_shutdown_timeout {RETIRE_SECONDS}s;
pid nginx.pid;
error_log error.log notice;
events {{
    worker_connections 1024;
}}
http {{
    log_format elb '$time_iso8601 $remote_addr $server_addr:$server_port "$request_method $elb_path" $status '
                   '$upstream_addr $upstream_status $request_time';
    access_log access.log elb;
    server_tokens off;
    client_max_body_size 0;
    large_client_header_buffers 4 16k;
    server_names_hash_bucket_size 256;
    map_hash_bucket_size 512;
    keepalive_min_timeout {LINGER_SECONDS * 1000:.0f}ms;
    js_import elb from elb.js;
    js_set $elb_now elb.now;

    # Targets: as they answer, without buffers on disk, without a second try.
    proxy_http_version 1.1;
    proxy_next_upstream off;
    proxy_request_buffering off;
    proxy_buffering off;
    proxy_buffer_size 64k;
    proxy_buffers 4 64k;
    proxy_busy_buffers_size 128k;
    proxy_connect_timeout {CONNECT_SECONDS}s;
    proxy_redirect off;
    proxy_pass_header Server;
    proxy_pass_header Date;
    proxy_ssl_verify off;

    geo $elb_dollar {{
        default "$";
    }}
{table("$request_uri", "$elb_path", [("~^(?<elb_p>[^?]*)", "$elb_p")], '""')}
{table("$elb_path", "$elb_path_tail", [("~^/?(?<elb_t>.*)$", "$elb_t")], '""')}
{table("$args", "$elb_query", [("", '""')], '"?$args"')}
{table("$http_upgrade", "$elb_connection", [("", "close")], "upgrade")}
{table("$request_id", "$elb_trace_id", [("~^.{8}(?<elb_r>.*)$", '"1-$elb_now-$elb_r"')], '""')}
{_TRACE}
{table("$http_host", "$elb_host", [("", "$host")], "$http_host")}
{table("$http_host", "$elb_host_bare", [("", "$host"), ("~^(?<elb_h>.*):[0-9]+$", "$elb_h")], "$http_host")}
{table("$http_x_forwarded_for", "$elb_forwarded_port", [("", '"$remote_addr:$remote_port"')], _APPEND_PORT)}
"""


#: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html
_TRACE = table(
    "$http_x_amzn_trace_id",
    "$elb_trace",
    [
        ("", '"Root=$elb_trace_id"'),
        ("~^(?:Self=[^;]*;)?(?<elb_s>.*Root=.*)$", '"Self=$elb_trace_id;$elb_s"'),
    ],
    '"Root=$elb_trace_id;$http_x_amzn_trace_id"',
)
_APPEND_PORT = '"$http_x_forwarded_for, $remote_addr:$remote_port"'

#: ``elb.js``: the time in hexadecimal, which a trace id starts with and nginx cannot write.
SCRIPT = """\
function now() {
    return Math.floor(Date.now() / 1000).toString(16);
}
export default { now };
"""


def _host_with_port(port: int) -> str:
    # AWS adds the port of the listener to a Host header that has none, unless it is a default port.
    rows = [("", f'"$host:{port}"'), ("~:[0-9]+$", "$http_host")]
    return table("$http_host", f"$elb_host_{port}", rows, f'"$http_host:{port}"')


def _upstream(arn: str, route: Route) -> str:
    servers = "".join(f"        server {host}:{port} max_fails=0;\n" for host, port in route.endpoints)
    # No idle connections to targets: one that a target closes as a request starts would be a 502.
    method = "        least_conn;\n" if route.least else ""
    return f"    upstream tg_{short(arn)} {{\n{method}{servers}        keepalive 0;\n    }}"


def _groups(rule: Rule) -> list[str]:
    return [arn for each in rule.actions if each.get("Type") == "forward" for arn, _ in forward_weights(each)]


def _routing(listener: Listener) -> str:
    """The maps of a listener: from conditions to ``$elb_to_<listener>``, the name of a location."""
    prefix = f"$elb_{short(listener.arn)}"
    blocks: list[str] = []
    candidates: list[tuple[list[str], str]] = []
    for number, rule in enumerate(listener.rules):
        flags: list[str] = []
        for index, spec in enumerate(rule.conditions):
            flags.append(f"{prefix}_{number}c{index}")
            blocks.append(match.condition(flags[-1], spec))
        destination, split = _destination(listener, number, rule)
        blocks += split
        candidates.append((flags, destination))
    *chosen, (_, default) = candidates
    blocks.append(match.first(f"{prefix}_to", chosen, default))
    return "\n".join(blocks)


def _destination(listener: Listener, number: int, rule: Rule) -> tuple[str, list[str]]:
    """The location that a rule leads to (or the variable that holds it), and the blocks it needs."""
    plain = f"rule_{number}"
    if _blocker(rule) or not rule.actions or rule.actions[-1].get("Type") != "forward":
        return plain, []
    weights = [(arn, weight) for arn, weight in forward_weights(rule.actions[-1]) if weight > 0]
    if not weights:
        return plain, []
    if len(weights) == 1:
        return f"group_{short(weights[0][0])}", []
    total = sum(weight for _, weight in weights)
    variable = f"$elb_{short(listener.arn)}_{number}w"
    rows = [f"        {100 * weight / total:.2f}% group_{short(arn)};" for arn, weight in weights[:-1]]
    rows.append(f"        * group_{short(weights[-1][0])};")
    return variable, ["\n".join([f"    split_clients $request_id {variable} {{", *rows, "    }"])]


def _blocker(rule: Rule) -> str | None:
    """The first action that this load balancer cannot do; it must not be skipped."""
    return next(
        (
            str(each.get("Type"))
            for each in rule.actions
            if each.get("Type") not in ("forward", "redirect", "fixed-response")
        ),
        None,
    )


def _rule_body(rule: Rule) -> str | None:
    """The location of a rule that answers by itself; None for one that forwards."""
    blocker = _blocker(rule)
    if blocker is not None:
        return action.refusal(blocker)
    last = rule.actions[-1] if rule.actions else {}
    if last.get("Type") == "redirect":
        return action.redirect(last)
    if last.get("Type") == "fixed-response":
        return action.fixed(last)
    return None if any(weight > 0 for _, weight in forward_weights(last)) else NO_TARGETS.refusal


def _servers(served: Served, routes: Mapping[str, Route]) -> list[str]:
    """One server block, and one more for each further certificate: nginx picks them by name."""
    body = _body(served, routes)
    if not served.listener.tls:
        return [_server(served, "", body, default=True)]
    blocks: list[str] = []
    seen: set[str] = set()
    for number, certificate in enumerate(served.certificates):
        fresh = [name for name in certificate.names if name not in seen]
        seen.update(fresh)
        if number == 0 or fresh:
            names = " ".join(quoted(_server_name(name), variables=True) for name in fresh)
            head = f"        server_name {names};\n" if names else ""
            head += f"        ssl_certificate {quoted(certificate.chain)};\n"
            head += f"        ssl_certificate_key {quoted(certificate.key)};\n"
            blocks.append(_server(served, head, body, default=number == 0))
    return blocks


def _server_name(name: str) -> str:
    # A wildcard in a certificate stands for one label; nginx's own would stand for several.
    return rf"~^[^.]+\.{match.wildcard_free(name[2:])}$" if name.startswith("*.") else name


def _server(served: Served, head: str, body: str, *, default: bool) -> str:
    listener = served.listener
    flags = " ssl" if listener.tls else ""
    flags += " default_server" if default else ""
    return f"    server {{\n        listen {served.balancer.host}:{listener.port}{flags};\n{head}{body}    }}"


def _body(served: Served, routes: Mapping[str, Route]) -> str:
    balancer, listener = served.balancer, served.listener
    idle = int(balancer.attributes.get("idle_timeout.timeout_seconds", 60))
    lines = [
        f"keepalive_timeout {idle}s",
        f"keepalive_time {int(balancer.attributes.get('client_keep_alive.seconds', 3600))}s",
        *(f"{name} {idle}s" for name in ("client_header_timeout", "client_body_timeout", "send_timeout")),
        *(f"{name} {idle}s" for name in ("proxy_read_timeout", "proxy_send_timeout")),
    ]
    # AWS takes names of letters, digits and hyphens for valid.
    drop = balancer.on("routing.http.drop_invalid_header_fields.enabled")
    lines += [f"ignore_invalid_headers {'on' if drop else 'off'}", f"underscores_in_headers {'off' if drop else 'on'}"]
    if listener.tls:
        lines += _tls_lines(balancer, listener)
    lines += [f"proxy_set_header {name} {value}" for name, value in _headers(balancer, listener)]
    lines.append(f"error_page 418 = @$elb_{short(listener.arn)}_to")
    text = "".join(f"        {line};\n" for line in lines)
    text += "        location / {\n            return 418;\n        }\n"
    for name, body in _locations(listener, routes).items():
        text += f"        location @{name} {{\n{body}        }}\n"
    return text


def _tls_lines(balancer: Balancer, listener: Listener) -> list[str]:
    policy = tls.policy(listener.policy)
    lines = [f"http2 {'on' if balancer.on('routing.http2.enabled', True) else 'off'}"]
    lines += [f"ssl_protocols {' '.join(policy.protocols)}", "ssl_prefer_server_ciphers on"]
    return lines + ([f"ssl_ciphers {quoted(policy.ciphers)}"] if policy.ciphers else [])


def _headers(balancer: Balancer, listener: Listener) -> list[tuple[str, str]]:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html"""
    if balancer.on("routing.http.preserve_host_header.enabled"):
        host = "$elb_host"
    else:
        host = "$elb_host_bare" if listener.port in _COMMON_PORTS else f"$elb_host_{listener.port}"
    rows = [
        ("Host", host),
        ("Connection", "$elb_connection"),
        ("Upgrade", "$http_upgrade"),
        ("X-Forwarded-Proto", "$scheme"),
        ("X-Forwarded-Port", "$server_port"),
        ("X-Amzn-Trace-Id", "$elb_trace"),
    ]
    mode = balancer.attributes.get("routing.http.xff_header_processing.mode", "append")
    if mode == "remove":
        rows.append(("X-Forwarded-For", '""'))
    elif mode != "preserve":
        with_port = balancer.on("routing.http.xff_client_port.enabled")
        rows.append(("X-Forwarded-For", "$elb_forwarded_port" if with_port else "$proxy_add_x_forwarded_for"))
    if listener.tls and balancer.on("routing.http.x_amzn_tls_version_and_cipher_suite.enabled"):
        rows += [("X-Amzn-Tls-Version", "$ssl_protocol"), ("X-Amzn-Tls-Cipher-Suite", "$ssl_cipher")]
    return rows


def _locations(listener: Listener, routes: Mapping[str, Route]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, rule in enumerate(listener.rules):
        body = _rule_body(rule)
        if body is not None:
            found[f"rule_{number}"] = body
            continue
        for arn, weight in forward_weights(rule.actions[-1]):
            if weight > 0:
                found[f"group_{short(arn)}"] = _forward(arn, routes.get(arn, NO_TARGETS))
    return found


def _forward(arn: str, route: Route) -> str:
    if not route.endpoints:
        return route.refusal
    return f"            proxy_pass {'https' if route.tls else 'http'}://tg_{short(arn)};\n"
