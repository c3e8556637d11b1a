"""Operations through the aws CLI: each a command, its answer read from what it prints, its error from what it says."""

import json
import math
import re
from datetime import datetime, timezone

from botocore import xform_name

from .caller import Broken, Caller, Refused
from .model import MODELS
from .server import REGION

# What the CLI of version 1 exits with for anything that the server refuses.
EXIT_REFUSED = 255
_ERROR = re.compile(r"\s*An error occurred \((\S+)\) when calling the (\w+) operation(?: \([^)]*\))?: (.*?)\n?", re.DOTALL)
# `off` for what should reach the server though the CLI knows that it is wrong.
CONFIG = "[default]\noutput = json\nmax_attempts = 1\nretry_mode = standard\nparameter_validation = {}\n"


class AwsCaller(Caller):
    """The aws CLI at a recorder's endpoint, without retries."""

    def __init__(self, tally, recorder, strict, lenient, credentials):
        super().__init__(tally)
        self.recorder, self._strict, self._lenient, self._credentials = recorder, strict, lenient, credentials
        access_key, secret_key, token = credentials
        self.environment = {
            "AWS_ENDPOINT_URL": recorder.url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key, **({"AWS_SESSION_TOKEN": token} if token else {}),
        }

    def other(self, access_key, secret_key, token=None):
        return AwsCaller(self.tally, self.recorder, self._strict, self._lenient, (access_key, secret_key, token))

    @property
    def folder(self):
        """Where commands run."""
        return self._strict.folder

    def aws(self, *arguments, lenient=False, **environment):
        """A command as it is typed. Gives exit code, stdout and stderr."""
        return (self._lenient if lenient else self._strict).run(list(arguments), {**self.environment, **environment})

    def script(self, *arguments, environment=None):
        """A command as it is typed, in an aws that is started for it, with this environment instead of the caller's."""
        return self._strict.run_script(list(arguments), self.environment if environment is None else environment)

    def invoke(self, operation, lenient, arguments):
        service, name = operation.split(":")
        # With members as JSON the CLI asks for no option that is required.
        words = ["--cli-input-json", json.dumps(arguments)] if lenient else options(arguments)
        paging = ["--no-paginate"] if name.startswith(("List", "DescribeClusterVersions")) else []
        return self._command(operation, [service, xform_name(name, "-"), *words, *paging], lenient)

    def read_pages(self, operation, key, size, arguments):
        service, name = operation.split(":")
        before = len(self.recorder.exchanges)
        words = [service, xform_name(name, "-"), f"--page-size={size}", *options(arguments)]
        items = self._command(operation, words)[key]
        requests = len(self.recorder.exchanges) - before
        # The CLI prints all pages as one.
        self.tally.equal(requests, max(1, math.ceil(len(items) / size)), f"{operation}: pages of {size}")
        return [items[at : at + size] for at in range(0, len(items), size)]

    def wait(self, waiter, **arguments):
        answer = self.aws("eks", "wait", waiter.replace("_", "-"), *options(arguments))
        self.tally.equal(answer, (0, "", ""), f"wait {waiter}")

    def _command(self, operation, words, lenient=False):
        service, name = operation.split(":")
        before = len(self.recorder.exchanges)
        code, out, err = self.aws(*words, lenient=lenient)
        if code == 0:
            shape = MODELS[service].operation_model(name).output_shape
            return _typed(shape, json.loads(out)) if out else {}
        said = _ERROR.fullmatch(err)
        if not said or code != EXIT_REFUSED or said[2] != name or len(self.recorder.exchanges) == before:
            raise Broken(f"aws {' '.join(words)}: exit code {code}, {err[-300:]!r}")
        exchange, _ = self.recorder.exchanges[-1]
        raise Refused(said[1], exchange.status, said[3])


def options(arguments):
    """Members of a request as options."""
    words = []
    for name, value in arguments.items():
        option = f"--{xform_name(name, '-')}"
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            words.append(f"{option}={value if isinstance(value, str) else json.dumps(value)}")
    return words


def _typed(shape, value):
    """Numbers and texts that stand for times, as times."""
    if shape is None or value is None:
        return value
    if shape.type_name == "structure":
        return {key: _typed(shape.members.get(key), item) for key, item in value.items()}
    if shape.type_name == "list":
        return [_typed(shape.member, item) for item in value]
    if shape.type_name == "timestamp":
        return datetime.fromtimestamp(value, timezone.utc) if isinstance(value, (int, float)) else datetime.fromisoformat(value)
    return value
