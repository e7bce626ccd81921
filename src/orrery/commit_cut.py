"""A proxy that cuts a connection off at its COMMIT: did it arrive? Only the target can say."""

from __future__ import annotations

import re
import socket
import threading
import time


class CommitCut:
    """Stands before a server and cuts a connection off at its COMMIT: before it arrives, or before the answer does."""

    def __init__(self, port: int, cut: str, *, come_back: bool) -> None:
        self.server, self.cut, self.come_back, self.fired = port, cut, come_back, 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        """Take connections, each in a thread of its own."""
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            if self.fired and not self.come_back:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.server))
            threading.Thread(target=self.pump, args=(client, server), daemon=True).start()

    def pump(self, client: socket.socket, server: socket.socket) -> None:
        """Both ways, until one side closes or the commit comes by."""
        client.settimeout(0.02)
        server.settimeout(0.02)
        try:
            while True:
                sent = received(client)
                if sent and re.search(rb"commit;?\0", sent) and not self.fired:
                    self.fired += 1
                    if self.cut == "after":
                        server.sendall(sent)
                        self.wait_for_the_answer(server)
                    return
                if sent is not None:
                    server.sendall(sent)
                answer = received(server)
                if answer is not None:
                    client.sendall(answer)
                if b"" in (sent, answer):
                    return
        except OSError:
            return
        finally:
            client.close()
            server.close()

    @staticmethod
    def wait_for_the_answer(server: socket.socket) -> bool:
        """Whether the server says within ten seconds that it has committed."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if b"COMMIT" in (received(server) or b""):
                return True
        return False


def received(side: socket.socket) -> bytes | None:
    """What came, b"" at the end, None where nothing did."""
    try:
        return side.recv(1 << 16)
    except TimeoutError:
        return None
