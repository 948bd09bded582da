"""U3: a relay reads no more than its sink takes, and a long stream costs no more memory than a short one."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

import backbay
from backbay import Job

TRANSPORTS = pytest.mark.parametrize("transport", [None, "aiohttp"], ids=["default", "aiohttp"])

MEASURE = """
    import asyncio, resource, socket, sys, threading
    import backbay

    TOTAL, PIECE = int(sys.argv[1]) * 2**20, b"data: " + b"x" * 65000 + b"\\n\\n"
    transport = None if sys.argv[2] == "None" else sys.argv[2]

    def serve(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nconnection: close\\r\\n\\r\\n")
            for _ in range(TOTAL // len(PIECE)):
                connection.sendall(PIECE)

    class Sink:
        size = 0
        async def send_chunk(self, data):
            self.size += len(data)

    def memory():
        with open("/proc/self/statm") as status:
            return int(status.read().split()[1]) * resource.getpagesize()

    async def main():
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        sink = Sink()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        async with backbay.connect("openai:m", api_key="k" * 9, base_url=url, transport=transport) as backend:
            await backend.execute(backbay.Job("1", "m", {}), sink)
        thread.join()
        listener.close()
        assert sink.size == TOTAL // len(PIECE) * len(PIECE), sink.size

    asyncio.run(main())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@TRANSPORTS
def test_memory_stays_flat_for_a_stream_of_200_megabytes(run_program, transport):
    """U3."""
    short, long = (int(run_program(MEASURE, size, transport)) for size in (1, 200))
    assert long - short < 24 * 2**20, f"1 MB took {short} bytes at most, 200 MB {long}"


@TRANSPORTS
def test_reading_stops_while_the_sink_blocks(transport):
    """U3: what the server can send ends where the buffers between are full."""
    sent = [0]
    stuck, stop = threading.Event(), threading.Event()

    def serve(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
            connection.settimeout(0.2)
            while sent[0] < 200 * 2**20:
                try:
                    sent[0] += connection.send(b"x" * 65536)
                except TimeoutError:
                    stuck.set()
                    if stop.wait(0.01):
                        return
                except OSError:
                    return

    class Sink:
        def __init__(self):
            self.free = asyncio.Event()
            self.waits = False
            self.calls = 0

        async def send_chunk(self, data):
            assert not self.waits, "called again while it waits"
            self.calls += 1
            self.waits = True
            await self.free.wait()
            self.waits = False

    async def call(url):
        async with backbay.connect("openai:m", api_key="k" * 9, base_url=url, transport=transport) as backend:
            sink = Sink()
            running = asyncio.create_task(backend.execute(Job("1", "m", {}), sink))
            assert await asyncio.to_thread(stuck.wait, 10), "the server was never stopped"
            before = -1
            while before != sent[0]:  # The system's own buffers fill up last.
                before = sent[0]
                await asyncio.sleep(0.3)
            assert before < 32 * 2**20
            assert sink.calls == 1
            sink.free.set()
            while sent[0] <= before + 2**23 and not running.done():
                await asyncio.sleep(0.01)
            assert sent[0] > before, "the relay never went on"
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            listener.setsockopt(socket.SOL_SOCKET, option, 65536)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            asyncio.run(call(f"http://127.0.0.1:{listener.getsockname()[1]}/v1"))
        finally:
            stop.set()
            thread.join(5)
