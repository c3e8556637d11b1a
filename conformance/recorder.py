"""A proxy that keeps every exchange and holds it against the service models, whoever the client is.

Bytes that were signed are forwarded as they came: the raw path and query, the headers, Host among them.
"""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import model

# Of the connection, and not of the message (RFC 9110, section 7.6.1).
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade"}


class Recorder:
    """Listens on a free port and forwards to `server`, `HOST:PORT`."""

    def __init__(self, server):
        self.exchanges = []
        """Pairs of an exchange and its verdict."""
        self._server, recorder = server, self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def forward(self):
                length = int(self.headers.get("content-length") or 0)
                headers = [(name, value) for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP]
                status, headers, content = recorder.answer(self.command, self.path, headers, self.rfile.read(length))
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in _HOP_BY_HOP | {"content-length"}:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = forward

            def log_message(self, *_):
                """Nothing: what went wrong is in the verdicts."""

        self._listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._listener.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self._listener.server_port
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def answer(self, method, target, headers, body):
        """Forwards a request and keeps the exchange. Gives status, headers and body of the answer."""
        upstream = http.client.HTTPConnection(self._server, timeout=60)
        upstream.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            upstream.putheader(name, value)
        upstream.endheaders(body or None)
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        path, _, query = target.partition("?")
        exchange = model.Exchange(
            method=method,
            path=path,
            query=query,
            request_headers={name.lower(): value for name, value in headers},
            request_body=body,
            status=answer.status,
            response_headers={name.lower(): value for name, value in answer.getheaders()},
            response_body=content,
        )
        try:
            verdict = model.check(exchange)
        except Exception as error:
            # A check that cannot read an answer has found something, too.
            verdict = model.Verdict(problems=[f"the check failed: {error!r}"])
        self.exchanges.append((exchange, verdict))
        return answer.status, answer.getheaders(), content

    def operations(self):
        """Which operations were called."""
        return {(v.service, v.operation) for _, v in list(self.exchanges) if v.operation}

    def problems(self):
        """What departs from the models, each once."""
        found = {}
        for exchange, verdict in list(self.exchanges):
            for problem in verdict.problems:
                place = f"{verdict.service}:{verdict.operation}" if verdict.operation else exchange.path
                found.setdefault(f"{place} answered {exchange.status}: {problem}"[:600])
        return list(found)

    def close(self):
        self._listener.shutdown()
        self._listener.server_close()
