"""A PostgreSQL server and a Spark session of their own, in temporary folders; both are gone when the tests end."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import ibis
import pyarrow as pa
import pytest
from small_world import Put, in_duckdb

ACCOUNT = "postgres"  # Debian's; PostgreSQL refuses to run as root
# Text is sorted by the rules of English, as in many a company's database, and not byte by byte.
INITDB = (
    "--username=martech",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale-provider=icu",
    "--icu-locale=en",
    "--no-sync",
)
SPARK = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.sql.session.timeZone": "UTC",
}

QUIET = """\
rootLogger.level = off
rootLogger.appenderRef.none.ref = none
appender.none.type = Null
appender.none.name = none
"""


class Server(NamedTuple):
    """A PostgreSQL server on loopback, without passwords: any is accepted."""

    port: int

    def url(self, user: str = "martech", password: str = "") -> str:
        """The database as a URL."""
        told = f"{user}:{password}" if password else user
        return f"postgres://{told}@127.0.0.1:{self.port}/postgres"


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl: on the PATH, or where Debian keeps them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), default=None)


def as_server(*command: Any) -> None:
    """Run a command as who may run PostgreSQL."""
    account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"] if os.geteuid() == 0 else []
    done = subprocess.run([*account, *map(str, command)], capture_output=True, text=True, cwd="/", timeout=120)
    assert done.returncode == 0, f"{done.args} failed:\n{done.stdout}{done.stderr}"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server; without PostgreSQL the test is skipped (and a skip fails under MARTECH_REQUIRE_ALL=1)."""
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL is installed")
    folder = Path(tempfile.mkdtemp(prefix="martech-postgres-"))
    data, log, port = folder / "data", folder / "log", free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, ACCOUNT)
        as_server(programs / "initdb", f"--pgdata={data}", *INITDB)
        # Not through a pipe: the server would hold its other end open, and the call would not return.
        as_server("sh", "-c", f"{programs}/pg_ctl start -w -D {data} -o '{options}' >{log} 2>&1")
        yield Server(port)
        gc.collect()  # tables that ibis keeps for a while are dropped while there is still a server
    finally:
        if (data / "postmaster.pid").exists():
            as_server(programs / "pg_ctl", "stop", "-m", "immediate", "-D", data)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session; without pyspark or Java the test is skipped (and a skip fails under MARTECH_REQUIRE_ALL=1)."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Spark needs Java, and none is installed")
    folder = tmp_path_factory.mktemp("spark")
    quiet = folder / "log4j2.properties"
    quiet.write_text(QUIET, encoding="utf-8")
    settings = {
        **SPARK,
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.extraJavaOptions": f"-XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile={quiet.as_uri()} -Dderby.system.home={folder}",
    }
    builder = sql.SparkSession.builder.master("local[2]").appName("martech tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    gc.collect()  # as above
    session.stop()


@pytest.fixture
def put(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Put]]:
    """Engine -> a function that takes tables and returns the connection they are in; they are gone after the test."""
    made: dict[str, Any] = {"duckdb": lambda _: in_duckdb, "postgres": _in_postgres, "spark": _in_spark}
    with ExitStack() as after:
        yield lambda engine: made[engine](after, *([request.getfixturevalue(engine)] if engine != "duckdb" else []))


def _in_postgres(after: ExitStack, server: Any) -> Put:
    def put(tables: Mapping[str, pa.Table]) -> Any:
        connection = ibis.connect(server.url())
        for name, table in tables.items():
            connection.create_table(name, table, overwrite=True)
            after.callback(ibis.connect(server.url()).drop_table, name, force=True)
        with connection.begin() as cursor:
            cursor.execute("ANALYZE")  # as the server does by itself some time after
        return connection

    return put


def _in_spark(after: ExitStack, session: Any) -> Put:
    def put(tables: Mapping[str, pa.Table]) -> Any:
        for name, table in tables.items():
            session.createDataFrame(table).createOrReplaceTempView(name)
            after.callback(session.catalog.dropTempView, name)
        return ibis.pyspark.connect(session)

    return put
