# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rule conditions as nginx maps.

Each condition becomes a variable that is 1 or 0, so that the first rule whose conditions all hold
can be picked by one more map. What matches, and how, follows
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from emulator.elb.text import table, wildcard

#: The path of the request as the client wrote it, without the query.
PATH = "$elb_path"


def condition(variable: str, spec: Mapping[str, Any]) -> str:
    """The block that sets ``variable`` to 1 when ``spec`` holds, else 0.

    A field that this load balancer does not know never holds: a rule must not catch more than it
    would on AWS.
    """
    field = spec.get("Field")
    if field == "path-pattern":
        return _any(PATH, variable, [f"~^{wildcard(each)}$" for each in _values(spec, "PathPatternConfig")])
    if field == "host-header":
        return _any("$host", variable, [f"~*^{wildcard(each)}$" for each in _values(spec, "HostHeaderConfig")])
    if field == "http-request-method":
        methods = _values(spec, "HttpRequestMethodConfig")
        return _any("$request_method", variable, [f"~^{wildcard_free(each)}$" for each in methods])
    if field == "http-header":
        name = str((spec.get("HttpHeaderConfig") or {}).get("HttpHeaderName") or "")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            return _any("$request_method", variable, [])
        # nginx joins repeated headers with a comma; AWS matches each by itself.
        patterns = [f"~*(?:^|,\\x20?){wildcard(each)}(?:,|$)" for each in _values(spec, "HttpHeaderConfig")]
        return _any("$http_" + name.lower().replace("-", "_"), variable, patterns)
    if field == "query-string":
        return _any("$args", variable, [_query(pair) for pair in (spec.get("QueryStringConfig") or {})["Values"]])
    if field == "source-ip":
        return _source(variable, _values(spec, "SourceIpConfig"))
    return _any("$request_method", variable, [])


def wildcard_free(value: str) -> str:
    """A regular expression for ``value`` in which nothing is a wildcard."""
    return wildcard(re.sub(r"([*?\\])", r"\\\1", value), escapes=True)


def first(variable: str, candidates: Sequence[tuple[Sequence[str], str]], default: str) -> str:
    """The block that sets ``variable`` to the value of the first candidate whose flags are all 1."""
    blocks: list[str] = []
    flags: list[str] = []
    rows: list[tuple[str, str]] = []
    for number, (conditions, value) in enumerate(candidates):
        flag = f"{variable}_{number}"
        blocks.append(table(f'"{"".join(conditions)}"', flag, [("1" * len(conditions), "1")], "0"))
        rows.append((f"~^0{{{number}}}1", value))
        flags.append(flag)
    blocks.append(table(f'"{"".join(flags)}"', variable, rows, default))
    return "\n".join(blocks)


def _values(spec: Mapping[str, Any], config: str) -> list[str]:
    # The API takes the values in the typed form or, for host and path, in the older plain one.
    return list((spec.get(config) or {}).get("Values") or spec.get("Values") or [])


def _any(source: str, variable: str, patterns: Sequence[str]) -> str:
    return table(source, variable, [(each, "1") for each in dict.fromkeys(patterns)], "0")


def _query(pair: Mapping[str, str]) -> str:
    value = wildcard(pair["Value"], "[^&]", escapes=True)
    key = f"{wildcard(pair['Key'], '[^&=]', escapes=True)}=" if pair.get("Key") else "(?:[^&=]*=)?"
    return f"~*(?:^|&){key}{value}(?:&|$)"


def _source(variable: str, ranges: Sequence[str]) -> str:
    rows = "".join(f"        {network} 1;\n" for network in dict.fromkeys(map(_network, ranges)))
    return f"    geo {variable} {{\n        default 0;\n{rows}    }}"


def _network(text: str) -> str:
    return str(ip_network(text, strict=False))
