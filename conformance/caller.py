"""Somebody who calls operations of EKS, IAM and STS, and what each is expected to answer, whatever the client."""

from .tally import Stop

TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},'
    '"Action":"sts:AssumeRole"}]}'
)


class Refused(Exception):
    """The server's error, as the client told it."""

    def __init__(self, code, status, message):
        super().__init__(f"{code} ({status}): {message}")
        self.code, self.status, self.message = code, status, message


class Broken(Exception):
    """The client itself could not do it."""


class Caller:
    """A client with one identity's credentials. A subclass says how it calls."""

    def __init__(self, tally):
        self.tally = tally

    def other(self, access_key, secret_key, token=None):
        """The same client with other credentials."""
        raise NotImplementedError

    def invoke(self, operation, lenient, arguments):
        """The answer to an operation named `service:Operation`, its timestamps as datetimes. Raises Refused or Broken.

        `lenient`: without the client's own checks, that would keep a bad request from being sent.
        """
        raise NotImplementedError

    def read_pages(self, operation, key, size, arguments):
        """The items under a key of the answer, page by page, as the client itself turns pages. Raises Refused, Broken."""
        raise NotImplementedError

    def wait(self, waiter, **arguments):
        """Waits with one of EKS's waiters (`cluster_active`)."""
        raise NotImplementedError

    def ok(self, operation, **arguments):
        """Calls, and gives the answer."""
        return self._expected(operation, arguments, lambda: self.invoke(operation, False, arguments))

    def pages(self, operation, key, size, **arguments):
        """Lists, `size` items a page. Gives the items of each page."""
        return self._expected(operation, arguments, lambda: self.read_pages(operation, key, size, arguments))

    def _expected(self, operation, arguments, call):
        try:
            answer = call()
        except (Refused, Broken) as error:
            self.tally.fail(f"{operation} {_short(arguments)}: {error}")
            raise Stop from error
        self.tally.count()
        return answer

    def refused(self, operation, code, status, message=None, part=None, lenient=False, **arguments):
        """Calls, and expects this error: its type, its status, its text or a part of it."""
        place = f"{operation} {_short(arguments)}"
        try:
            answer = self.invoke(operation, lenient, arguments)
        except Refused as error:
            if (error.code, error.status) != (code, status):
                self.tally.fail(f"{place}: {error}, expected {code} ({status})")
            elif message is not None and error.message != message or part is not None and part not in error.message:
                self.tally.fail(f"{place}: text {error.message!r}, expected {message or part!r}")
            else:
                self.tally.count(is_refusal=True)
        except Broken as error:
            self.tally.fail(f"{place}: {error}")
        else:
            self.tally.fail(f"{place}: answered {answer}, expected {code}")

    def role(self, name, path="/", policy=None, **more):
        """Makes a role that the account trusts. Gives its ARN."""
        role = self.ok("iam:CreateRole", RoleName=name, Path=path, AssumeRolePolicyDocument=TRUST, **more)["Role"]
        if policy is not None:
            self.ok("iam:PutRolePolicy", RoleName=name, PolicyName="own", PolicyDocument=policy)
        return role["Arn"]

    def assume(self, arn, session="me"):
        keys = self.ok("sts:AssumeRole", RoleArn=arn, RoleSessionName=session)["Credentials"]
        return self.other(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


def _short(arguments):
    text = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"({text})" if len(text) <= 300 else f"({text[:300]}…)"
