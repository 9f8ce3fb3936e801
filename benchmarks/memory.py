"""What each process of an idle service has in memory, and what its bare parts would have.

Measured 45 seconds after the last job, when no child is kept any more. Prints Markdown.

    ./quws bench memory [--form embedded|cluster|both] [--seconds 45]
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from harness import add_users
from kinds import kinds, members
from meter import Meter, Size
from rows import Bench
from throughput import running

PARTS = {
    "a bare interpreter": "",
    "FastAPI, uvicorn, SQLAlchemy": "import fastapi, uvicorn, sqlalchemy.ext.asyncio",
    "all that the sweeper imports": "import quws.cli.sweeper",
    "all that the worker imports": "import quws.cli.worker",
    "all that the API imports": "import quws.cli.serving",
    "NumPy": "import numpy",
    "Qiskit": "import qiskit",
    "Qiskit and Aer": "import qiskit, qiskit_aer",
}
OWN = """
print([line.split()[1] for line in open('/proc/self/smaps_rollup') if line[:10] == 'Anonymous:'][0])
"""


def show(form: str, seconds: float) -> None:
    """Print the table of one form."""
    with contextlib.ExitStack() as stack:
        service, postgres, url = stack.enter_context(running(form))
        meter = Meter(lambda: kinds(service, postgres))
        stack.callback(meter.close)
        add_users(service, *Bench.owners, Bench.lister, operator="operator")
        Bench(service, url, meter, quick=False).warm_up()
        time.sleep(seconds)
        known = kinds(service, postgres)
        sizes = meter.sizes(known)
        zygotes = {pid for pid, member in members(service).items() if member.zygote}
    print(f"\n| {form}, MiB | written | of it alone | files | all |\n|---|---|---|---|---|")
    rows: dict[str, list[Size]] = {}
    for pid, size in sizes.items():
        rows.setdefault(known[pid] + (", zygote" if pid in zygotes else ""), []).append(size)
    for name, alike in sorted(rows.items()):
        print(row(name if len(alike) == 1 else f"{len(alike)} {name}", alike))
    print(row("together", list(sizes.values())), flush=True)


def row(name: str, sizes: list[Size]) -> str:
    """Return the line of some processes."""
    numbers = zip(*((s.own, s.alone, s.files, s.all) for s in sizes), strict=True)
    return f"| {name} | " + " | ".join(f"{sum(column):.0f}" for column in numbers) + " |"


def floors() -> None:
    """Print what interpreters write that import something, and do nothing else."""
    print("\n| imported | MiB written |\n|---|---|")
    for name, code in PARTS.items():
        done = subprocess.run([sys.executable, "-c", code + OWN], capture_output=True, check=True)
        print(f"| {name} | {int(done.stdout) / 1024:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="./quws bench memory", description=__doc__)
    parser.add_argument("--form", choices=["embedded", "cluster", "both"], default="both")
    parser.add_argument("--seconds", type=float, default=45)
    options = parser.parse_args()
    for form in ["embedded", "cluster"] if options.form == "both" else [options.form]:
        show(form, options.seconds)
    floors()


if __name__ == "__main__":
    main()
