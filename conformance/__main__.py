"""`python -m conformance --doorward PATH [CLIENT…]`: runs the clients and prints the table.

Exit code 1 when anything was not as EKS has it.
"""

import argparse
import sys
from pathlib import Path

from . import awscli_suite, boto3_suite, moto_suite, rust_suite, terraform_suite
from .tally import table

CLIENTS = {
    "boto3": boto3_suite.run,
    "awscli": awscli_suite.run,
    "rust": rust_suite.run,
    "terraform": terraform_suite.run,
    "moto": moto_suite.run,
}


def main():
    parser = argparse.ArgumentParser(prog="conformance")
    parser.add_argument("--doorward", required=True, type=Path, help="the binary")
    parser.add_argument("clients", nargs="*", choices=[[], *CLIENTS], help="which; all, where none is named")
    arguments = parser.parse_args()
    tallies, notes = [], []
    for name in arguments.clients or CLIENTS:
        print(f"{name} …", file=sys.stderr, flush=True)
        for result in CLIENTS[name](arguments.doorward.resolve()):
            (notes if isinstance(result, str) else tallies).append(result)
    for tally in tallies:
        for failure in tally.failures:
            print(f"FAILED  {tally.client}: {failure}")
    print(table(tallies, notes))
    return 1 if any(tally.failures for tally in tallies) else 0


sys.exit(main())
