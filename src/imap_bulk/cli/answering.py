"""How an embedded archive answers: whose API it plays, in which form, and within which limits of the gateway."""

import re
from typing import Any

import click

from imap_bulk.cli.options import Decorator, all_of

_GATEWAYS_LIMIT = 6_291_556
"""Bytes of an answer that Amazon's gateway takes from a handler."""

_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:/s)?")


class _Rate(click.ParamType[float]):
    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = _RATE.fullmatch(str(value))
        if not match or not float(match[1]):
            self.fail(f"{value!r} is no rate; write requests per second, as in 10/s.", param, ctx)
        return float(match[1])


answering: Decorator[Any] = all_of(
    click.option(
        "--strict-generation", type=click.Choice(["2024", "2026"]),
        help="Answer exactly as the production service did then; without, clients of all times are content.",
    ),
    click.option("--envelope", is_flag=True, help="Wrap answers as the documents print them: statusCode, body."),
    click.option("--legacy-names", is_flag=True, help="Also take names of early 2024: two dates, version vNN-NN."),
    click.option(
        "--response-limit", type=click.IntRange(0), default=_GATEWAYS_LIMIT, show_default=True, metavar="BYTES",
        help="Longest answer to a query, as the gateway counts; 0: any.",
    ),
    click.option("--throttle", type=_Rate(), metavar="N/s", help="Answer 429 to more requests than this."),
)  # fmt: skip
"""Options that a command hands on to `server_options`."""


def server_options(
    strict_generation: str | None,
    envelope: bool,
    legacy_names: bool,
    response_limit: int,
    throttle: float | None,
    *,
    has_keys: bool,
) -> dict[str, Any]:
    """Return the options as fields of `ServerOptions`. Raises click.UsageError where they contradict the keys."""
    from imap_bulk.server.imap.generations import PERMISSIVE, STRICT

    if strict_generation == "2024" and has_keys:
        raise click.UsageError("The service of 2024 knew no keys; leave --key out.")
    if strict_generation == "2026" and not has_keys:
        raise click.UsageError("The service of 2026 takes uploads only under a key; give --key NAME:write.")
    return {
        "generation": STRICT[strict_generation] if strict_generation else PERMISSIVE,
        "envelope": envelope,
        "legacy_names": legacy_names,
        "answer_limit_bytes": response_limit or None,
        "throttle": throttle,
    }
