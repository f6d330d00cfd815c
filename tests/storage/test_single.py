"""Two copies of the bot on one database."""

import signal
import subprocess
import sys

import pytest

from storage.db import Database
from storage.errors import AlreadyRunning
from storage.single import only_runner
from tests.databases import opened

RUNNER = """
import sys, time
from storage.db import Database
from storage.single import only_runner
with only_runner(Database.open(sys.argv[1]), "confess run"):
    print("running", flush=True)
    time.sleep(60)
"""


def test_the_second_runner_is_told_what_to_do(url: str, db: Database) -> None:
    told = pytest.raises(AlreadyRunning, match=r"Another confess run .*stop it first")
    with only_runner(db, "confess run"), opened(url) as again, told:
        only_runner(again, "confess run").__enter__()
    with only_runner(db, "confess run"):
        pass


def test_the_right_goes_with_the_process_even_on_kill_9(url: str, db: Database) -> None:
    with subprocess.Popen([sys.executable, "-c", RUNNER, url], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "running\n"
        with pytest.raises(AlreadyRunning) as caught:
            only_runner(db, "confess run").__enter__()
        if db.engine.dialect.name == "sqlite":
            assert f"process {other.pid} on" in str(caught.value)
        other.send_signal(signal.SIGKILL)
    for _ in range(50):  # PostgreSQL notices the broken connection a moment later
        try:
            with only_runner(db, "confess run"):
                return
        except AlreadyRunning:
            signal.sigtimedwait([], 0.1)
    pytest.fail("the dead process still holds the right to run")
