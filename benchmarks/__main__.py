"""``python3 dev.py bench``: runs the benchmarks and prints the figures with their targets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs
import orjson

from benchmarks import (
    contention,
    core,
    embedded,
    growth,
    handler,
    http,
    pages,
    places,
    schedules,
    sdk,
    start,
    streams,
    transfer,
    webhooks,
)
from benchmarks.databases import KINDS, Databases, Kind
from benchmarks.figures import verdicts


@attrs.frozen
class Options:
    """The amount of measurements, and the databases to measure."""

    databases: Databases
    seconds: float
    rounds: int
    cards: int
    kinds: Sequence[Kind]
    minutes: float


def measure_http(options: Options) -> Iterator[tuple[str, float]]:
    """Measure requests over HTTP, beside a bare handler and the limit."""
    for kind in options.kinds:
        result = http.run(options.databases, kind, options.seconds, options.rounds)
        print(result.table() + "\n", flush=True)
        yield from result.figures()


def measure_handler(options: Options) -> Iterator[tuple[str, float]]:
    """Measure the router, log, metrics and limits of the server, beside a bare handler."""
    yield from handler.run(options.databases, options.seconds, options.rounds)


def measure_core(options: Options) -> Iterator[tuple[str, float]]:
    """Measure requests in process, beside SQLAlchemy's execution and the same SQL on the driver."""
    for kind in options.kinds:
        yield from core.run(options.databases, kind, options.rounds)


def measure_embedded(options: Options) -> Iterator[tuple[str, float]]:
    """Measure services by themselves, in a thread and in a session of the host, and the asynchronous client."""
    for kind in options.kinds:
        yield from embedded.run(options.databases, kind, options.rounds)


def measure_contention(options: Options) -> Iterator[tuple[str, float]]:
    """Measure many clients: reads and writes beside each other, beside large requests and beside refused ones."""
    for kind in options.kinds:
        cards = min(options.cards, contention.LARGE_BOARD)
        seconds = options.seconds * options.rounds
        yield from contention.large_readers(options.databases, kind, seconds, cards)
        yield from contention.many_clients(options.databases, kind, seconds)
        yield from contention.absent_cards(options.databases, kind, seconds)
        yield from contention.large_bodies(options.databases, kind, seconds)
    if "sqlite" in options.kinds:
        yield from contention.writers(options.databases, options.seconds * options.rounds)
    if "postgresql" in options.kinds:
        yield from contention.movers(options.databases, options.seconds * options.rounds)
        yield from contention.neighbours(options.databases, options.seconds * options.rounds)
        yield from contention.readers(options.databases, options.seconds * options.rounds)


def measure_large_columns(options: Options) -> Iterator[tuple[str, float]]:
    """Measure moves in a column of 100,000 cards, beside moves in one of 100."""
    for kind in options.kinds:
        yield from places.run(options.databases, kind, options.rounds * 8, (places.SMALL, options.cards))


def measure_pages(options: Options) -> Iterator[tuple[str, float]]:
    """Measure pages, filters and walks at 100,000 cards, beside those at 1,000."""
    for kind in options.kinds:
        yield from pages.run(options.databases, kind, options.rounds * 2, (pages.SMALL, options.cards))


def measure_transfer(options: Options) -> Iterator[tuple[str, float]]:
    """Measure the export, import and copy of 10,000 cards, an export of 100,000, and the creation of cards in bulk."""
    for kind in options.kinds:
        yield from transfer.run_export(options.databases, kind, options.cards)
        yield from transfer.run(options.databases, kind, min(options.cards, transfer.LARGE))
        yield from transfer.run_copy(options.databases, kind, min(options.cards, transfer.LARGE))
        yield from transfer.run_bulk(options.databases, kind)


def measure_schedules(options: Options) -> Iterator[tuple[str, float]]:
    """Measure writes while ten thousand scheduled rules that are due at once run, for some minutes."""
    for kind in options.kinds:
        yield from schedules.run(options.databases, kind, options.seconds * options.rounds)


def measure_webhooks(options: Options) -> Iterator[tuple[str, float]]:
    """Measure writes with a webhook, beside writes without one, and the delivery of a backlog."""
    for kind in options.kinds:
        yield from webhooks.run(options.databases, kind, options.seconds, options.rounds)
        if options.minutes:
            yield from webhooks.run_sustained(options.databases, kind, options.minutes)


def measure_growth(options: Options) -> Iterator[tuple[str, float]]:
    """Measure what an activity takes, and the transactions that delete old rows."""
    for kind in options.kinds:
        yield from growth.run(options.databases, kind, options.rounds * 4)


def measure_streams(options: Options) -> Iterator[tuple[str, float]]:
    """Measure the memory of an event stream, and the processor time of a delivery."""
    for kind in options.kinds:
        yield from streams.run(options.databases, kind, options.rounds, min(options.cards, streams.MANY))


def measure_start(options: Options) -> Iterator[tuple[str, float]]:
    """Measure the server's start, and the import of the package."""
    yield from start.measure_server(options.databases, min(3, options.rounds))
    yield from start.measure_import()


def measure_sdk(options: Options) -> Iterator[tuple[str, float]]:
    """Measure the SDK, beside raw httpx."""
    yield from sdk.run().items()


BENCHMARKS: dict[str, Callable[[Options], Iterator[tuple[str, float]]]] = {
    "http": measure_http,
    "handler": measure_handler,
    "core": measure_core,
    "embedded": measure_embedded,
    "contention": measure_contention,
    "places": measure_large_columns,
    "pages": measure_pages,
    "transfer": measure_transfer,
    "webhooks": measure_webhooks,
    "schedules": measure_schedules,
    "growth": measure_growth,
    "streams": measure_streams,
    "start": measure_start,
    "sdk": measure_sdk,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks that the command line names."""
    command_line = _parser().parse_args(arguments)
    if unknown := sorted(set(command_line.names) - BENCHMARKS.keys()):
        sys.exit(f"there is no benchmark {unknown[0]!r}: {', '.join(BENCHMARKS)}")
    kinds = KINDS if command_line.database == "both" else (command_line.database,)
    before = orjson.loads(command_line.compare.read_bytes()) if command_line.compare else {}
    figures: dict[str, float] = {}
    with Databases() as databases:
        options = Options(
            databases,
            command_line.seconds,
            command_line.rounds,
            command_line.cards,
            kinds,
            command_line.minutes,
        )
        for name in command_line.names or BENCHMARKS:
            figures.update(BENCHMARKS[name](options))
    print(verdicts(figures, before))
    if command_line.json:
        command_line.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))


def _parser() -> argparse.ArgumentParser:
    about = "\n".join(f"  {name:<11}{run.__doc__}" for name, run in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="dev.py bench",
        description=f"Measure, and compare with the targets:\n\n{about}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure; all by default")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a slot of load (%(default)s)")
    parser.add_argument("--rounds", type=int, default=http.ROUNDS, help="slots for each server (%(default)s)")
    parser.add_argument("--database", choices=[*KINDS, "both"], default="both")
    parser.add_argument(
        "--cards", type=int, default=places.LARGE, help="in the large project or column (%(default)s)"
    )
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="of steady load on ten webhooks as well (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="FILE",
        help="figures of another run: print what got slower since then",
    )
    return parser


if __name__ == "__main__":
    main()
