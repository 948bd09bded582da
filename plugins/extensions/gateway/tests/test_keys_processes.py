"""Real processes that hammer one budget, on one SQLite file and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import select

from backbay.errors import AuthenticationError, OverloadedError, RateLimitError
from backbay.response import Usage
from backbay_gateway.keys import KeyLimits, KeyRequest, Keys, registry, remaining, schema
from backbay_gateway.keys.database import Database

WORKER = """
import asyncio, json, random, sys
from backbay.errors import OverloadedError, RateLimitError
from backbay.response import Usage
from backbay_gateway.keys import Keys, admission

admission.EVERY = 0.05

async def main(url, text, seed):
    rng = random.Random(seed)
    keys = Keys.open(url)
    done = {"requests": 0, "tokens": 0, "refused": 0}

    async def client():
        while True:
            try:
                grant = await keys.admit(text, model="acme:a", estimated_tokens=100)
            except RateLimitError as error:
                done["refused"] += 1
                if error.code == "budget_exceeded":
                    return
                await asyncio.sleep(0.01)
                continue
            await asyncio.sleep(rng.choice((0, 0.001)))
            used = rng.randrange(0, 101)
            await grant.settle(Usage(input=used, output=0))
            done["requests"] += 1
            done["tokens"] += used

    print("ready", flush=True)
    sys.stdin.readline()
    await asyncio.gather(*(client() for _ in range(8)))
    await keys.aclose()
    print(json.dumps(done), flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""

HOLDER = """
import asyncio, sys
from backbay_gateway.keys import Keys

async def main(url, text):
    keys = Keys.open(url)
    await keys.admit(text, model="acme:a", estimated_tokens=100)
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""

BUDGET = 25_000


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/keys.sqlite"
    return request.getfixturevalue("cluster").url


def run(body):
    return asyncio.run(body())


def make(url, **limits):
    database = Database(url)
    with database.transaction() as connection:
        new = registry.create(connection, KeyRequest(limits=KeyLimits(**limits)), time.time())
    database.close()
    return new


def start(program, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_that_hammer_one_budget_never_exceed_it_and_use_nearly_all_of_it(url):
    """162, G13: parallel requests cannot overspend, and the ledger is the sum of what was used, exactly."""
    new = make(url, budget_tokens=BUDGET, concurrent=12)
    workers = [start(WORKER, url, new.text, str(seed)) for seed in range(2)]
    said = []
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    for worker in workers:
        out, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0
        said.append(json.loads(out))
    used = sum(one["tokens"] for one in said)
    assert BUDGET - 2 * 8 * 100 < used <= BUDGET
    assert all(one["requests"] > 0 for one in said)
    database = Database(url)
    with database.transaction(reading=True) as connection:
        book = schema.ledger.c
        written = connection.execute(select(book.input_tokens).where(book.key_id == new.key.id)).scalars().all()
        [_, budget] = remaining.read(connection, registry.get(connection, new.key.id), time.time())
    database.close()
    assert (len(written), sum(written)) == (sum(one["requests"] for one in said), used)
    assert (budget.used, budget.reserved, budget.lapsed) == (used, 0, 0)


def test_what_a_killed_process_held_is_taken_from_it(url):
    new = make(url, budget_tokens=250, concurrent=1)
    holder = start(HOLDER, url, new.text)
    holder.kill()
    holder.communicate()
    ahead = [0.0]

    async def body():
        keys = Keys.open(url, clock=lambda: time.time() + ahead[0])
        with pytest.raises(RateLimitError):
            await keys.admit(new.text, model="acme:a", estimated_tokens=100)
        ahead[0] = 20.0
        # The request is over; what it may have used stays counted.
        await (await keys.admit(new.text, model="acme:a", estimated_tokens=150)).settle(Usage(input=150, output=0))
        with pytest.raises(RateLimitError):
            await keys.admit(new.text, model="acme:a", estimated_tokens=1)
        await keys.aclose()

    run(body)


def test_a_revocation_is_seen_by_the_other_processes(url):
    """At once where the store is a file; within the time of a poll on PostgreSQL."""
    new = make(url)

    async def body():
        keys = Keys.open(url)
        await (await keys.admit(new.text, model="acme:a", estimated_tokens=1)).release()
        database = Database(url)
        with database.transaction() as connection:
            registry.revoke(connection, new.key.id, time.time())
        database.close()
        if not url.startswith("sqlite"):
            await asyncio.sleep(0.6)
        with pytest.raises(AuthenticationError, match="revoked"):
            await keys.admit(new.text, model="acme:a", estimated_tokens=1)
        await keys.aclose()

    run(body)


def test_of_two_processes_that_start_at_once_one_makes_the_first_key(tmp_path):
    async def body():
        url = f"sqlite:///{tmp_path}/keys.sqlite"
        stores = [Keys.open(url) for _ in range(3)]
        made = await asyncio.gather(*(store.first_key() for store in stores))
        for store in stores:
            await store.aclose()
        return made

    assert sum(new is not None for new in run(body)) == 1


def test_many_may_make_a_store_at_once(url, tmp_path):
    if url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path}/fresh.sqlite"
    failures = []

    def make_it():
        try:
            Database(url).close()
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=make_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_server_that_is_gone_is_one_typed_error(tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(OverloadedError) as caught:
        Keys.open(f"postgresql://acme:hunter2@/keys?host={tmp_path}")
    assert caught.value.retryable
    assert "hunter2" not in str(caught.value)
