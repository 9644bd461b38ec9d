"""Load millions of images, one million after the other, and print what each of them costs; done by hand.

    python -m benchmarks.load_millions PATH [MILLIONS]

PATH is a catalog that is made, and kept: LOCALCAT_BENCH_CATALOG of benchmarks/test_growth.py. Ten millions take 6 GB.
The images are those of the other benchmarks, as a table of Arrow, whose making is part of what is printed.
"""

from __future__ import annotations

import itertools
import resource
import sys
import time
from pathlib import Path

import pyarrow

from benchmarks import generator
from benchmarks.conftest import make_catalog

MILLION = 1_000_000


def main(path: Path, millions: int) -> None:
    table = generator.table(millions * MILLION)
    schema, batches = table.schema, iter(table)
    print("| million | processor, s | clock, s | peak of memory so far, MB | file, MB |\n|---:|---:|---:|---:|---:|")
    with make_catalog(path) as catalog:
        for number in range(millions):
            some = itertools.islice(batches, MILLION // generator.CHUNK)
            taken = time.process_time(), time.perf_counter()
            report = catalog.add_images(pyarrow.RecordBatchReader.from_batches(schema, some), progress=False)
            processor, clock = time.process_time() - taken[0], time.perf_counter() - taken[1]
            assert report.added == MILLION, report
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            size = path.stat().st_size / 2**20
            print(f"| {number + 1} | {processor:.1f} | {clock:.1f} | {peak:.0f} | {size:,.0f} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10)
