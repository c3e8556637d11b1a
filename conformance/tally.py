"""What was tried, what went as it should, and the table of it."""

import threading
import traceback


class Stop(Exception):
    """A step failed on which those after it depend."""


class Tally:
    """One client's row."""

    def __init__(self, client):
        self.client = client
        self.operations = set()
        self.passed = 0
        self.refused = 0
        self.exchanges = 0
        self.failures = []
        self._lock = threading.Lock()

    def count(self, is_refusal=False):
        with self._lock:
            if is_refusal:
                self.refused += 1
            else:
                self.passed += 1

    def fail(self, what):
        with self._lock:
            self.failures.append(what if len(what) <= 1000 else f"{what[:1000]}…")

    def holds(self, condition, what):
        """Something beside the answers themselves."""
        if not condition:
            self.fail(what)

    def equal(self, found, wanted, what):
        self.holds(found == wanted, f"{what}: {found!r}, expected {wanted!r}")

    def run(self, scenario, *arguments):
        """Runs a scenario to its end or to the step that breaks it."""
        try:
            scenario(*arguments)
        except Stop:
            pass
        except Exception:
            last = "".join(traceback.format_exc().splitlines(keepends=True)[-6:])
            self.fail(f"{scenario.__name__} broke: {last}")

    def close(self, recorder):
        """Takes over what a recorder saw."""
        with self._lock:
            self.operations |= recorder.operations()
            self.exchanges += sum(not verdict.problems for _, verdict in recorder.exchanges)
            self.failures += [f"not as the service model says: {problem}" for problem in recorder.problems()]


HEADER = ("client", "operations", "passed", "refused as EKS does", "exchanges as modelled", "failed")


def table(tallies, notes):
    """The rows of the clients that were found, and a note for those that were not."""
    rows = [HEADER]
    for tally in tallies:
        numbers = (len(tally.operations), tally.passed, tally.refused, tally.exchanges, len(tally.failures))
        rows.append((tally.client, *map(str, numbers)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, *notes])
