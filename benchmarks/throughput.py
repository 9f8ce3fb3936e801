"""What jobs cost: time, jobs a second, and the processor time of all processes, both forms.

Each row is set against the goal that it has, and the second form against the first. The clients
and bare Aer are no part of what is measured, but take of the same cores. The settings are those
that quws comes with. Prints Markdown.

    ./quws bench throughput [ROW…] [--form embedded|cluster|both] [--quick]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import floors
from harness import Postgres, Service, add_users, cluster, embedded
from kinds import kinds
from meter import Meter
from rows import ROWS, Bench, Row

from quws import __version__
from quws.settings import Settings

SHIPPED = ("lease", "sweep", "idle_look", "grace", "simulator_threads")
"""Settings that tests change, and this does not."""
HEAD = """
| {form} | found | at least | kept | CPU, ms | of which |
|---|---|---|---|---|---|"""
WORSE = 1.3


def settings() -> dict[str, str]:
    shipped = {f"QUWS_{name.upper()}": str(Settings.model_fields[name].default) for name in SHIPPED}
    return shipped | {"QUWS_AUTH": "users", "QUWS_ANONYMOUS": "true"}


@contextlib.contextmanager
def running(form: str) -> Iterator[tuple[Service, Postgres | None, str]]:
    """Run a form of the service; gives where its API listens, too, without a proxy before it.

    Its processes are run by new interpreters: the copies that tests use share memory with it.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quws-bench-")))
        if form == "embedded":
            service = stack.enter_context(embedded(folder, settings(), new=True))
            yield service, None, service.url
            return
        postgres = Postgres(durable=True).start()
        stack.callback(postgres.stop)
        service = stack.enter_context(
            cluster(folder, postgres.migrated(), settings(), apis=1, workers=1, fresh=True)
        )
        yield service, postgres, f"http://127.0.0.1:{service.processes[0].arguments[-1]}"


def measure(form: str, names: list[str], *, quick: bool) -> list[Row]:
    found = []
    with contextlib.ExitStack() as stack:
        service, postgres, url = stack.enter_context(running(form))
        meter = Meter(lambda: kinds(service, postgres))
        add_users(service, *Bench.owners, Bench.lister, operator="operator")
        bench = Bench(service, url, meter, quick=quick)
        bench.warm_up()
        print(HEAD.format(form=form), flush=True)
        for name in names:
            meter.settle()
            for row in ROWS[name](bench):
                print(row, flush=True)
                found.append(row)
    print(f"\nCPU by {meter.way}.")
    meter.close()  # Its groups can go once the processes in them have gone.
    return found


def compare(rows: dict[str, list[Row]]) -> None:
    """Print how much worse each row of the second form is than of the first."""
    (first, one), (second, other) = rows.items()
    print(f"\n| {second} against {first}; kept where it is at most {WORSE} times as much | | |")
    print("|---|---|---|")
    known = {row.what: row for row in one}
    for row in other:
        factor = row.worse_than(known[row.what]) if row.what in known else None
        if factor is not None:
            print(f"| {row.what} | {factor:.2f} | {'yes' if factor <= WORSE else 'NO'} |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="./quws bench throughput", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; else all")
    parser.add_argument("--form", choices=["embedded", "cluster", "both"], default="both")
    parser.add_argument("--quick", action="store_true", help="few rounds of each")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    names = options.rows or list(ROWS)
    print(f"quws {__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at first")
    forms = ["embedded", "cluster"] if options.form == "both" else [options.form]
    found = {form: measure(form, names, quick=options.quick) for form in forms}
    if len(found) > 1:
        compare(found)
    if not options.rows:
        print("\nThe bare parts, processor time:\n")
        floors.show(list(floors.PARTS))


if __name__ == "__main__":
    main()
