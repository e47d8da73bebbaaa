"""A proxy before the API server that misbehaves as it is told: plain HTTP in, HTTPS out, the caller's login passed on.

Requests are named as the API server's authorizer names them: by verb and resource (Kubernetes documentation,
"Authorization overview", request verbs): ``list pods``, ``watch events``, ``create pods``, ``get pods/log``.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any

from tests.apiserver.asked import Asked
from tests.apiserver.passing import PATIENCE, FrontServer, Held, Passing, Rule

_REASONS = {
    403: "Forbidden",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    504: "Timeout",
}


def status_of(code: int, message: str = "", **details: Any) -> bytes:
    """Return a ``Status`` as the API server writes one."""
    reason = _REASONS.get(code, "Unknown")
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason}
    return json.dumps({**status, "message": message or reason, **({"details": details} if details else {})}).encode()


class Front:
    """The proxy. It is as good as the server until it is told otherwise.

    Args:
        url: the API server's.
        certificate: the file that holds its certificate.
    """

    def __init__(self, url: str, certificate: str) -> None:
        host, _, port = url.removeprefix("https://").rpartition(":")
        self.upstream = (host, int(port))
        self.tls = ssl.create_default_context(cafile=certificate)
        self.asked: list[Asked] = []
        self._rules: list[Rule] = []
        self._news = threading.Condition()
        self._handlers: set[Passing] = set()
        self.flowing = threading.Event()
        """Set unless all watches hang."""
        self.flowing.set()
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        """The last answer to each read, by path."""
        self.old = False
        """Whether reads get the answers of before."""
        self._everything: Rule | None = None
        self._listening: tuple[ThreadingHTTPServer, threading.Thread] | None = None
        self._port = 0
        self.accept()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    # What a test asks for

    def answer(
        self,
        verb: str,
        resource: str,
        code: int,
        message: str = "",
        *,
        times: int = 1,
        name: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Answer the next requests of this kind with an error, and do not pass them on."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._add(Rule(verb, resource, name, times, answer=(code, status_of(code, message), headers)))

    def hold(self, verb: str, resource: str, *, name: str | None = None, query: str | None = None) -> Held:
        """Keep requests of this kind (with this parameter) waiting until they are released; then pass them on."""
        held = Held()
        self._add(Rule(verb, resource, name, 1_000_000, query, held=held))
        return held

    def lose(self, verb: str, resource: str, *, times: int = 1, name: str | None = None) -> None:
        """Pass the next requests of this kind on, but close the connection instead of answering."""
        self._add(Rule(verb, resource, name, times, lose=True))

    def freeze(self) -> None:
        """Have all watches hang, those that begin too: they stay open, and nothing comes."""
        self.flowing.clear()

    def thaw(self) -> None:
        """Have the watches go on, with what was held back."""
        self.flowing.set()

    def answer_everything(self, code: int) -> None:
        """Answer all requests with an error, and end the watches; 0: do so no longer."""
        answer: tuple[int, bytes, dict[str, str]] = (code, status_of(code), {})
        self._everything = Rule("", "", None, -1, answer=answer) if code else None
        if code:
            self.cut()

    def grow_old(self, *, old: bool = True) -> None:
        """Answer reads as they were answered before, as an outdated server does, and know no newer version."""
        self.old = old
        if old:
            self.expire()

    def cut(self) -> int:
        """Cut all open watches in the middle; return how many there were."""
        return self._interrupt(lambda handler: handler.cut())

    def end(self) -> int:
        """End all open watches as the server does when their time is over; return how many there were."""
        return self._interrupt(lambda handler: handler.finish_watch(b""))

    def expire(self, code: int = 410, message: str = "too old resource version: 1 (2)") -> int:
        """Send an error into all open watches and end them, as the server does; return how many there were."""
        line = b'{"type":"ERROR","object":' + status_of(code, message) + b"}\n"
        return self._interrupt(lambda handler: handler.finish_watch(line))

    def refuse(self) -> None:
        """Refuse connections, and cut those that are open."""
        if self._listening is None:
            return
        server, thread = self._listening
        self._listening = None
        server.shutdown()
        server.server_close()
        thread.join()
        for handler in self._all():
            handler.cut()

    def accept(self) -> None:
        """Take connections again, at the same address."""
        server = FrontServer(("127.0.0.1", self._port), Passing)
        server.front = self
        self._port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        self._listening = (server, thread)

    def close(self) -> None:
        """End it, and all that it holds."""
        with self._news:
            held = [rule.held for rule in self._rules if rule.held is not None]
        self.flowing.set()
        for each in held:
            each.release()
        self.refuse()
        for handler in self._all():
            handler.gone.wait(PATIENCE)

    def count(self, verb: str | None = None, resource: str | None = None) -> int:
        """Return how many requests have come: of this verb, on this resource."""
        with self._news:
            return self._count(verb, resource)

    def wait_for(self, verb: str, resource: str, count: int = 1) -> None:
        """Wait until as many requests of this kind have come, all in all."""
        with self._news:
            enough = self._news.wait_for(lambda: self._count(verb, resource) >= count, PATIENCE)
            assert enough, f"{self._count(verb, resource)} of {count} times: {verb} {resource}"

    def wait_for_watches(self, count: int) -> None:
        """Wait until that many watches are open: answered, and not over."""
        with self._news:
            enough = self._news.wait_for(lambda: len(self._watches()) == count, PATIENCE)
            assert enough, f"{len(self._watches())} open watches, not {count}"

    # What the handlers ask for

    def came(self, asked: Asked) -> Rule | None:
        """Note a request; return what is to be done to it."""
        with self._news:
            self.asked.append(asked)
            self._news.notify_all()
            if self._everything is not None:
                return self._everything
            if self.old and asked.verb == "watch":
                return Rule("", "", None, -1, answer=(410, status_of(410, "too old resource version: 1 (2)"), {}))
            for rule in self._rules:
                if rule.matches(asked):
                    rule.left -= 1
                    return rule
        return None

    def changed(self, handler: Passing, *, here: bool) -> None:
        """Note that a connection has come, goes, or begins or ends to carry a watch."""
        with self._news:
            (self._handlers.add if here else self._handlers.discard)(handler)
            self._news.notify_all()

    def _add(self, rule: Rule) -> None:
        with self._news:
            self._rules.append(rule)

    def _count(self, verb: str | None, resource: str | None) -> int:
        return sum(verb in (None, each.verb) and resource in (None, each.resource) for each in self.asked)

    def _all(self) -> list[Passing]:
        with self._news:
            return list(self._handlers)

    def _watches(self) -> list[Passing]:
        return [handler for handler in self._handlers if handler.watching]

    def _interrupt(self, how: Callable[[Passing], None]) -> int:
        with self._news:
            watches = self._watches()
        for handler in watches:
            how(handler)
        for handler in watches:
            assert handler.over.wait(PATIENCE), "a watch does not end"
        return len(watches)
