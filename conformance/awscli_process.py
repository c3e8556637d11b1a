"""Many commands of the unmodified aws CLI, each in a process of its own.

To start is what the CLI spends its time on: Python imports half a thousand modules and reads the services' models. So one
process does that, up to where the CLI would look at its arguments, and every command is a fork of it. Within one process
commands would not be apart: the CLI keeps credentials, the arguments of an operation and more from one to the next.
What is run is `awscli.clidriver` of the virtual environment, as its script `aws` does; the suite compares the two.
"""

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

MODELS = ("service-2", "paginators-1", "waiters-2", "endpoint-rule-set-1")
FILES = ("cli", "endpoints", "partitions", "sdk-default-configuration", "_retry")
SECONDS = 120


class Aws:
    """Runs commands with the given configuration file. Used in a `with`."""

    def __init__(self, folder, config):
        self.folder = Path(folder)
        self.config = self.folder / f"config-{len(list(self.folder.glob('config-*')))}"
        self.config.write_text(config)
        self.environment = {
            "AWS_CONFIG_FILE": str(self.config), "HOME": str(self.folder), "PYTHONUTF8": "1", "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "conformance.awscli_process"],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()

    def run(self, arguments, environment):
        """`aws ARGUMENTS` with more variables in its environment. Gives exit code, stdout and stderr."""
        order = {"arguments": arguments, "environment": {**self.environment, **environment}, "folder": str(self.folder)}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return tuple(json.loads(self._process.stdout.readline()))

    def run_script(self, arguments, environment):
        """The same through the script `aws`, started anew."""
        script = Path(sys.executable).with_name("aws")
        done = subprocess.run(
            [sys.executable, script, *arguments],
            env={**self.environment, **environment},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()


def serve():
    """Reads orders, a line each, and answers each with a line."""
    import awscli.clidriver

    driver = awscli.clidriver.create_clidriver()
    loader = driver.session.get_component("data_loader")
    loader.list_available_services("service-2")
    for name in FILES:
        loader.load_data(name)
    for service in ("eks", "iam", "sts"):
        for kind in MODELS:
            with contextlib.suppress(Exception):
                # Not every service has every kind.
                loader.load_service_model(service, kind)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                _command(driver, order, out, err)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        print(json.dumps([code, *texts]), flush=True)


def _command(driver, order, out, err):
    """In the child: never returns."""
    signal.alarm(SECONDS)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, out.fileno(), err.fileno())):
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = ["aws", *order["arguments"]]
    try:
        code = driver.main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    serve()
