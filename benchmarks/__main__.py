"""``python3 dev.py bench``: run the benchmarks and tell the figures beside their targets."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs
import orjson

from benchmarks import databases, http
from benchmarks.figures import verdicts


@attrs.frozen
class Options:
    """How much is measured, and on what."""

    seconds: float
    rounds: int
    kinds: Sequence[databases.Kind]


def over_http(options: Options) -> Iterator[tuple[str, float]]:
    """Requests over HTTP beside a bare handler and the floor."""
    for kind in options.kinds:
        result = http.run(kind, options.seconds, options.rounds)
        print(result.table() + "\n", flush=True)
        yield from result.figures()


BENCHMARKS: dict[str, Callable[[Options], Iterator[tuple[str, float]]]] = {"http": over_http}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(
        prog="dev.py bench", description="Measure, and compare with the targets."
    )
    about = "; ".join(f"{name}: {run.__doc__}" for name, run in BENCHMARKS.items())
    parser.add_argument(
        "names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME", help=f"{about}; all by default"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one slot of load (%(default)s)")
    parser.add_argument("--rounds", type=int, default=http.ROUNDS, help="slots for each (%(default)s)")
    parser.add_argument("--database", choices=[*databases.KINDS, "both"], default="both")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--before", type=Path, metavar="FILE", help="figures of another run to stand beside")
    chosen = parser.parse_args(arguments)
    kinds = databases.KINDS if chosen.database == "both" else (chosen.database,)
    options = Options(chosen.seconds, chosen.rounds, kinds)
    before = orjson.loads(chosen.before.read_bytes()) if chosen.before else {}
    figures: dict[str, float] = {}
    for name in chosen.names or BENCHMARKS:
        figures.update(BENCHMARKS[name](options))
    print(verdicts(figures, before))
    if chosen.json:
        chosen.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
