"""A way to the server that can be cut: a TCP proxy on loopback, for connections of one run."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from types import TracebackType
from typing import Self


class Proxy:
    """Passes bytes on to a port of this machine until `cut`; `mend` lets new connections through again."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.pairs: dict[socket.socket, socket.socket] = {}
        self.is_open, self.is_cut = True, False
        self.waiting = selectors.DefaultSelector()
        self.waiting.register(self.listener, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._pass_on, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_open = False
        self.thread.join()
        self.cut()
        self.listener.close()
        self.waiting.close()

    def cut(self) -> None:
        """Drop every connection, and take no new one."""
        self.is_cut = True
        for one in list(self.pairs):
            self._drop(one)

    def mend(self) -> None:
        """Take connections again."""
        self.is_cut = False

    def _pass_on(self) -> None:
        while self.is_open:
            for key, _ in self.waiting.select(timeout=0.05):
                one = key.fileobj
                if one is self.listener:
                    self._take()
                elif isinstance(one, socket.socket) and one in self.pairs:
                    self._move(one)

    def _take(self) -> None:
        incoming, _ = self.listener.accept()
        if self.is_cut:
            incoming.close()
            return
        try:
            outgoing = socket.create_connection(("127.0.0.1", self.to))
        except OSError:
            incoming.close()
            return
        self.pairs |= {incoming: outgoing, outgoing: incoming}
        for each in (incoming, outgoing):
            self.waiting.register(each, selectors.EVENT_READ)

    def _move(self, one: socket.socket) -> None:
        try:
            data = one.recv(1 << 16)
            if data:
                self.pairs[one].sendall(data)
                return
        except OSError:
            data = b""
        self._drop(one)

    def _drop(self, one: socket.socket) -> None:
        other = self.pairs.pop(one, None)
        for each in (one, other):
            if each is not None:
                self.pairs.pop(each, None)
                with contextlib.suppress(KeyError, ValueError):  # dropped by the other thread a moment ago
                    self.waiting.unregister(each)
                each.close()
