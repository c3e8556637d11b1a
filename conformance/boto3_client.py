"""Operations through boto3, and what each is expected to answer."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore import xform_name

from .server import REGION
from .tally import Stop

TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},'
    '"Action":"sts:AssumeRole"}]}'
)


class Caller:
    """Somebody with credentials, at an endpoint."""

    def __init__(self, tally, url, access_key, secret_key, token=None):
        self.tally, self._url = tally, url
        self._session = boto3.Session(access_key, secret_key, token, REGION)
        self._clients = {}

    @classmethod
    def of(cls, tally, url, credentials):
        return cls(tally, url, credentials.access_key, credentials.secret_key, credentials.token)

    def other(self, access_key, secret_key, token=None):
        return Caller(self.tally, self._url, access_key, secret_key, token)

    def client(self, service, lenient=False):
        """`lenient`: without the checks that would keep a bad request from being sent."""
        if (service, lenient) not in self._clients:
            once = Config(retries={"total_max_attempts": 1}, parameter_validation=not lenient)
            self._clients[service, lenient] = self._session.client(service, endpoint_url=self._url, config=once)
        return self._clients[service, lenient]

    def call(self, operation, lenient=False, **arguments):
        service, name = operation.split(":")
        return getattr(self.client(service, lenient), xform_name(name))(**arguments)

    def ok(self, operation, **arguments):
        """Calls, and gives the answer without its metadata."""
        try:
            answer = self.call(operation, **arguments)
        except (ClientError, BotoCoreError) as error:
            self.tally.fail(f"{operation} {_short(arguments)}: {error}")
            raise Stop from error
        self.tally.count()
        metadata = answer.pop("ResponseMetadata")
        self.tally.holds(metadata.get("RequestId"), f"{operation}: no request id")
        return answer

    def refused(self, operation, code, status, message=None, part=None, lenient=False, **arguments):
        """Calls, and expects this error: its type, its status, its text or a part of it."""
        place = f"{operation} {_short(arguments)}"
        try:
            answer = self.call(operation, lenient, **arguments)
        except ClientError as error:
            metadata = error.response["ResponseMetadata"]
            text = error.response["Error"].get("Message", "")
            found = (error.response["Error"]["Code"], metadata["HTTPStatusCode"])
            if found != (code, status):
                self.tally.fail(f"{place}: {found} {text!r}, expected {(code, status)}")
            elif message is not None and text != message or part is not None and part not in text:
                self.tally.fail(f"{place}: text {text!r}, expected {message or part!r}")
            elif not metadata.get("RequestId"):
                self.tally.fail(f"{place}: no request id")
            else:
                self.tally.count(is_refusal=True)
        except BotoCoreError as error:
            self.tally.fail(f"{place}: {error!r}")
        else:
            answer.pop("ResponseMetadata", None)
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
