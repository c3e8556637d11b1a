"""Operations through boto3."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore import xform_name

from .caller import Broken, Caller, Refused
from .server import REGION


class Boto3Caller(Caller):
    """boto3 at an endpoint, without retries."""

    def __init__(self, tally, url, access_key, secret_key, token=None):
        super().__init__(tally)
        self._url = url
        self._session = boto3.Session(access_key, secret_key, token, REGION)
        self._clients = {}

    @classmethod
    def of(cls, tally, url, credentials):
        return cls(tally, url, credentials.access_key, credentials.secret_key, credentials.token)

    def other(self, access_key, secret_key, token=None):
        return Boto3Caller(self.tally, self._url, access_key, secret_key, token)

    def invoke(self, operation, lenient, arguments):
        service, name = operation.split(":")
        answer = _told(getattr(self._client(service, lenient), xform_name(name)), **arguments)
        metadata = answer.pop("ResponseMetadata")
        self.tally.holds(metadata.get("RequestId"), f"{operation}: no request id")
        return answer

    def read_pages(self, operation, key, size, arguments):
        service, name = operation.split(":")
        paginator = self._client(service).get_paginator(xform_name(name))
        return [page[key] for page in _told(lambda: list(paginator.paginate(PaginationConfig={"PageSize": size}, **arguments)))]

    def wait(self, waiter, **arguments):
        self._client("eks").get_waiter(waiter).wait(**arguments)

    def _client(self, service, lenient=False):
        if (service, lenient) not in self._clients:
            once = Config(retries={"total_max_attempts": 1}, parameter_validation=not lenient)
            self._clients[service, lenient] = self._session.client(service, endpoint_url=self._url, config=once)
        return self._clients[service, lenient]


def _told(call, **arguments):
    """boto3's errors as ours."""
    try:
        return call(**arguments)
    except ClientError as error:
        metadata, told = error.response["ResponseMetadata"], error.response["Error"]
        if not metadata.get("RequestId"):
            raise Broken(f"{error}: no request id") from error
        raise Refused(told["Code"], metadata["HTTPStatusCode"], told.get("Message", "")) from error
    except BotoCoreError as error:
        raise Broken(repr(error)) from error
