"""A folder or a database as a workspace: what is there, what is missing, what is wrong; registers and logs."""

from __future__ import annotations

import hashlib
from datetime import date, datetime

import duckdb
import ibis
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from martech_lib.core.database import masked
from martech_lib.core.errors import UnknownTable, UserError
from martech_lib.core.workspace import MissingTable, TableError, Workspace, WorkspaceError

PROFILE = "key,value\nbusiness_model,B2B\nmarketing_fte,8\nmarketing_budget_excl_labor,$2M\nas_of_date,2026-09-30\n"
INVENTORY = "tool,layer,category,annual_cost,pays_back,alias,auto_renew,renewal_date\n"
INVENTORY += "Segment,Collection,cdp,$24k,yes,CDP; Seg,yes,2027-02-01\n"
TOUCHES = (
    "user_id,ts,channel,touch_id,kind\nu1,2026-09-01T10:00:00+02:00,email,2,click\nu2,2026-09-01 10:00:00,tv,10,View\n"
)


@pytest.fixture
def folder(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_csv", ".csv")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return write


def problems(ws):
    return [str(p) for p in ws.check()]


def test_a_workspace_says_what_is_there(folder):
    ws = Workspace.open(folder(profile_csv=PROFILE, inventory_csv=INVENTORY, backlog_csv="idea,surface\n"))
    assert ws.check() == []
    assert ws.tables == ("profile", "inventory")
    assert not ws.has("backlog") and not ws.has("touches")
    states = {s.table: (s.status, s.rows) for s in ws.status()}
    assert states["inventory"] == ("ok", 1)
    assert states["backlog"] == states["touches"] == states["extracts"] == ("missing", None)


def test_a_register_is_typed(folder):
    frame = Workspace.open(folder(inventory_csv=INVENTORY)).register("inventory")
    row = frame.iloc[0]
    assert (row["tool"], row["layer"], row["annual_cost"], row["pays_back"]) == (
        "Segment",
        "Collection",
        24000.0,
        "Yes",
    )
    assert row["alias"] == ("CDP", "Seg")
    assert row["auto_renew"] is True
    assert row["renewal_date"] == pd.Timestamp("2027-02-01")


def test_the_profile_is_typed(folder):
    text = PROFILE + "regions,EU; uk\nhas_app,yes\nwau,\ncompany,Acme\nfiscal_year_start_month,4\n"
    profile = Workspace.open(folder(profile_csv=text)).profile
    assert profile == {
        "company": "Acme", "business_model": "B2B", "marketing_fte": 8.0, "marketing_budget_excl_labor": 2_000_000.0,
        "as_of_date": date(2026, 9, 30), "regions": ("EU", "UK"), "has_app": True, "fiscal_year_start_month": 4.0,
    }  # fmt: skip


def test_no_profile_is_no_facts(tmp_path):
    assert Workspace.open(tmp_path).profile == {}


def test_a_missing_register_names_its_file(folder):
    ws = Workspace.open(folder(vendors_csv="vendor,processes_personal_data,dpa_status\n"))
    with pytest.raises(MissingTable, match=r"vendors.csv is missing or has no rows; it switches on privacy"):
        ws.register("vendors")
    assert ws.file_for("vendors") == "vendors.csv"


def test_a_faulty_register_raises_its_problems(folder):
    ws = Workspace.open(folder(inventory_csv=INVENTORY.replace("$24k", "lots")))
    assert ws.has("inventory")
    with pytest.raises(
        TableError, match="inventory.csv, row 2, column annual_cost: 'lots' is not an amount of money"
    ) as told:
        ws.register("inventory")
    assert len(told.value.problems) == 1


def test_all_tables_are_told_at_once(folder):
    ws = Workspace.open(
        folder(profile_csv=PROFILE.replace("B2B", "B3B"), inventory_csv="", touches_csv=TOUCHES.replace("tv", ""))
    )
    assert problems(ws) == [
        "profile.csv, row 2, column value: 'B3B' given for business_model is not one of B2B, B2C, "
        "both; did you mean B2B?",
        "inventory.csv: the file is empty (zero bytes); save it again, or remove it",
        "touches.csv, row 3, column channel: is blank; a value is required",
    ]


def test_two_files_for_one_table(folder):
    ws = Workspace.open(folder(inventory_csv=INVENTORY, **{"inventory.xlsx": b"PK\x03\x04"}))
    assert problems(ws) == [
        "inventory.csv: there are two files for one table, inventory.csv and inventory.xlsx; keep one of them"
    ]


def test_a_register_of_200_mb_is_refused_before_it_is_read(folder):
    path = folder(inventory_csv="tool\n") / "inventory.csv"
    with path.open("r+b") as handle:
        handle.truncate(200_000_000)
    (said,) = problems(Workspace.open(path.parent))
    assert said.startswith(
        "inventory.csv: the file has 200 MB; a register may have 50 MB. Large tables are the logs: extracts/*, events,"
    )


def test_a_file_that_is_no_table_is_noted(folder):
    ws = Workspace.open(folder(inventry_csv="x\n", **{"profile.xls": "x", "README.md": "x"}))
    assert ws.notes == (
        "inventry.csv is not a table of the workbook and was not read; did you mean inventory.csv?",
        "profile.xls was not read; save it as .csv, .xlsx or .parquet",
    )


@pytest.mark.parametrize("wrong", ["sampl", "sample/inventory.csv", "no\0where", "x" * 5000])
def test_a_folder_that_is_not_there(tmp_path, wrong):
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "inventory.csv").write_text("tool\n")
    expected = {
        "sampl": "there is no folder .*; did you mean .*sample",
        "sample/inventory.csv": "is a file; a workspace is the folder that holds the tables",
    }
    with pytest.raises(WorkspaceError, match=expected.get(wrong, "no folder|cannot be opened")):
        Workspace.open(f"{tmp_path}/{wrong}")


def test_names_that_are_no_tables_and_mixed_up_kinds(folder):
    ws = Workspace.open(folder(touches_csv=TOUCHES, inventory_csv=INVENTORY))
    with pytest.raises(UnknownTable, match="did you mean touches"):
        ws.has("touchs")
    with pytest.raises(UserError, match="touches is a log; ask for ws.log"):
        ws.register("touches")
    with pytest.raises(UserError, match="inventory is a register; ask for ws.register"):
        ws.log("inventory")


def test_amounts_in_another_currency_than_the_profile(folder):
    euros = INVENTORY.replace("$24k", "€ 24k")
    assert problems(
        Workspace.open(folder(profile_csv=PROFILE.replace("$", "") + "currency,USD\n", inventory_csv=euros))
    ) == ["inventory.csv, row 2, column annual_cost: '€ 24k' is in EUR; profile.csv says that amounts are in USD"]
    assert problems(Workspace.open(folder(profile_csv=PROFILE.replace("$", "") + "currency,eur\n"))) == []
    told = problems(Workspace.open(folder(profile_csv=PROFILE + "currency,EUR\n")))
    assert told == ["profile.csv, row 4, column value: '$2M' is in USD; profile.csv says that amounts are in EUR"]
    ws = Workspace.open(folder(profile_csv=PROFILE.replace("$", "")))
    status = next(s for s in ws.status() if s.table == "inventory")
    assert status.status == "error"
    advice = "profile.csv names no currency, which stands for USD: add a row currency there"
    assert [p.message for p in status.problems] == [f"is in EUR; {advice}"]


def test_fingerprints_are_those_of_the_files(folder):
    ws = Workspace.open(folder(inventory_csv=INVENTORY, touches_csv=TOUCHES))
    digest = hashlib.sha256(INVENTORY.encode()).hexdigest()
    assert ws.fingerprints == {"inventory": digest, "touches": hashlib.sha256(TOUCHES.encode()).hexdigest()}


def test_a_register_handed_out_is_a_copy(folder):
    ws = Workspace.open(folder(inventory_csv=INVENTORY))
    frame = ws.register("inventory")
    frame.loc[0, "annual_cost"] = 0.0
    assert ws.register("inventory")["annual_cost"].tolist() == [24000.0]


def test_excel_and_parquet_registers(tmp_path):
    book = openpyxl.Workbook()
    for row in (["tool", "layer", "category", "annual_cost", "pays_back"], ["Heap", "Storage", "cdp", 5, "Yes"]):
        book.active.append(row)
    book.save(tmp_path / "inventory.xlsx")
    pd.DataFrame({"idea": ["x"], "surface": ["y"], "impact": [7.0]}).to_parquet(tmp_path / "backlog.parquet")
    ws = Workspace.open(tmp_path)
    assert ws.check() == []
    assert ws.register("inventory")["annual_cost"].tolist() == [5.0]
    assert ws.register("backlog")["impact"].tolist() == [7.0]
    assert ws.file_for("inventory") == "inventory.xlsx"


def test_a_log_is_an_ibis_table_with_times_in_utc(folder):
    ws = Workspace.open(folder(touches_csv=TOUCHES, profile_csv=PROFILE + "timezone,Europe/Berlin\n"))
    touches = ws.log("touches")
    assert isinstance(touches, ibis.Table)
    assert touches.ts.type().timezone is None
    rows = touches.order_by("user_id").to_pandas()
    assert rows["ts"].tolist() == [datetime(2026, 9, 1, 8), datetime(2026, 9, 1, 8)]
    assert rows["kind"].tolist() == ["click", "view"]


def test_an_offset_counts_also_where_the_zone_is_utc(folder):
    touches = Workspace.open(folder(touches_csv=TOUCHES)).log("touches").order_by("user_id")
    assert touches.ts.to_list() == [datetime(2026, 9, 1, 8), datetime(2026, 9, 1, 10)]


def test_identifiers_order_as_numbers_only_when_all_are(folder):
    assert Workspace.open(folder(touches_csv=TOUCHES)).log("touches").touch_id.type().is_integer()
    for mixed in ("a10", "010"):
        changed = TOUCHES.replace(",10,", f",{mixed},")
        assert Workspace.open(folder(touches_csv=changed)).log("touches").touch_id.type().is_string()


@pytest.mark.parametrize("kind", ["csv", "semicolon", "parquet", "xlsx", "latin-1"])
def test_logs_in_every_format(tmp_path, kind):
    frame = pd.DataFrame({"user_id": ["u1"], "ts": ["2026-09-01"], "channel": ["café"], "cost": [1.5]})
    if kind == "parquet":
        frame.assign(ts=pd.to_datetime(frame["ts"])).to_parquet(tmp_path / "touches.parquet")
    elif kind == "xlsx":
        frame.to_excel(tmp_path / "touches.xlsx", index=False)
    else:
        text = "# note\n" + frame.to_csv(index=False, sep=";" if kind == "semicolon" else ",")
        (tmp_path / "touches.csv").write_bytes(text.encode("latin-1" if kind == "latin-1" else "utf-8-sig"))
    ws = Workspace.open(tmp_path)
    assert ws.check() == []
    row = ws.log("touches").to_pandas().iloc[0]
    assert (row["channel"], row["cost"], row["ts"]) == ("café", 1.5, datetime(2026, 9, 1))
    notes = next(s for s in ws.status() if s.table == "touches").notes
    assert bool(notes) == (kind == "latin-1")


def test_the_faults_of_a_log_are_told_with_their_lines(folder):
    bad = TOUCHES + "# x,,,,\nu3,yesterday,tv,11,tap\n,2026-09-01,tv,12,\n"
    assert problems(Workspace.open(folder(touches_csv="# note\n" + bad))) == [
        "touches.csv, row 7, column user_id: is blank; a value is required",
        "touches.csv, row 5, column ts: is blank; a value is required",
        "touches.csv, row 6, column ts: 'yesterday' is not a time; write it like 2026-03-31T14:05:00+02:00",
        "touches.csv, row 5, column channel: is blank; a value is required",
        "touches.csv, row 6, column kind: 'tap' is not one of click, view",
    ]


def test_a_log_tells_twenty_of_a_kind_then_the_count(folder):
    rows = "".join(f"u{n},never,tv,1\n" for n in range(50))
    told = problems(Workspace.open(folder(touches_csv="user_id,ts,channel,cost\n" + rows)))
    assert len(told) == 21
    assert told[0].startswith("touches.csv, row 2, column ts: 'never' is not a time")
    assert told[20].startswith("touches.csv, column ts: and 30 more rows where it is not a time")
    assert told[20].endswith("(50 in all)")


def test_numbers_of_a_log(folder):
    head = "started_at,audience,destination,status,rows_attempted\n"
    rows = (
        "2026-09-01,a,b,success,1.5\n2026-09-01,a,b,success,-3\n2026-09-01,a,b,success,inf\n2026-09-01,a,b,success,7\n"
    )
    assert problems(Workspace.open(folder(sync_runs_csv=head + rows))) == [
        "sync_runs.csv, row 2, column rows_attempted: '1.5' is not a whole number; write it like 12",
        "sync_runs.csv, row 4, column rows_attempted: 'inf' is not a whole number; write it like 12",
        "sync_runs.csv, row 3, column rows_attempted: '-3' is not allowed; it must be 0 or more",
    ]
    share = "program,user_id,arm,assigned_at,planned_share\np,u,holdout,2026-09-01,10 %\np,v,b,2026-09-01,0.9\n"
    assert Workspace.open(folder(assignments_csv=share)).log("assignments").planned_share.to_list() == [0.1, 0.9]


def test_a_log_without_a_required_column(folder):
    told = problems(Workspace.open(folder(touches_csv="user_id,time,chanel\nu,2026-09-01,tv\n")))
    assert (
        "touches.csv, row 1, column channel: is missing; this column is required; the nearest "
        "column of the file is 'chanel'" in told
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TOUCHES + "u3,2026-09-01\n", "touches.csv, row 4: this row has 2 cells, the header 5"),
        (TOUCHES + 'u3,"2026-09-01,tv,1,click\n', "a quote"),
        (b"user_id,ts\n\x00", "not text"),
        (b"", "empty (zero bytes)"),
    ],
)
def test_a_log_that_cannot_be_read_to_its_end(folder, text, said):
    (told,) = problems(Workspace.open(folder(touches_csv=text)))
    assert said in told


def test_a_log_that_turns_out_not_to_be_utf8_far_below(folder):
    body = b"u1,2026-09-01,email,1,click\n" * 50_000
    (told,) = problems(Workspace.open(folder(touches_csv=TOUCHES.encode() + body + b"u1,2026-09-01,caf\xe9,1,click\n")))
    assert "the file is not UTF-8; save it as 'CSV UTF-8'" in told


def test_events_may_be_single_or_by_day(folder):
    ws = Workspace.open(folder(events_csv="date,source,events,p95_minutes\n2026-09-01,web,120,48.5\n"))
    assert ws.check() == []
    assert ws.log("events").columns == ("date", "source", "events", "p95_minutes")
    ws = Workspace.open(folder(events_csv="event_ts,loaded_ts,user_id\n2026-09-01T00:00:00Z,,u1\n"))
    assert ws.check() == [], "an event that never arrived is a miss, not a fault"


def test_extracts_are_logs_by_system(folder):
    ws = Workspace.open(folder(extracts__crm_csv="record_key,email\n1,a@b\n1,c@d\n", extracts__esp_csv="record_key\n"))
    assert ws.extracts == ("extracts/crm",)
    assert ws.log("extracts/crm").count().to_pyarrow().as_py() == 2
    status = next(s for s in ws.status() if s.table == "extracts/crm")
    assert status.notes == ("1 row repeats a record_key that another row has",)
    assert next(s for s in ws.status() if s.table == "extracts/esp").status == "missing"


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "martech.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE TABLE profile AS SELECT * FROM (VALUES ('business_model', "
                           "'B2B'), ('marketing_fte', '8'), "
                           "('marketing_budget_excl_labor', '2000000'), ('as_of_date', '2026-09-30'), "
                           "('timezone', 'Europe/Berlin')) t(key, value)")  # fmt: skip
        connection.execute("CREATE TABLE Inventory AS SELECT 'Heap' AS tool, 'Storage' AS layer, 'cdp' AS category, "
                           "5.25::DECIMAL(9, 2) AS annual_cost, 'Yes' AS pays_back, DATE "
                           "'2027-01-01' AS renewal_date")  # fmt: skip
        connection.execute(
            "CREATE TABLE touches AS SELECT 1 AS user_id, TIMESTAMP '2026-09-01 10:00:00' AS ts, 'tv' AS channel"
        )
        connection.execute(
            "CREATE TABLE conversions AS SELECT 1 AS user_id, TIMESTAMPTZ '2026-09-01 10:00:00+02' AS ts"
        )
        connection.execute("CREATE TABLE extracts_crm AS SELECT 'k' AS record_key, 'a@b' AS email")
    return path


@pytest.mark.parametrize("way", ["url", "ibis", "duckdb"])
def test_a_database_is_a_workspace(database, way):
    if way == "url":
        ws = Workspace.open(f"duckdb://{database}")
    else:
        connection = duckdb.connect(database, read_only=True)
        ws = Workspace.open(connection if way == "duckdb" else ibis.duckdb.from_connection(connection))
    assert ws.check() == []
    assert ws.tables == ("profile", "inventory", "touches", "conversions", "extracts/crm")
    assert ws.register("inventory")["annual_cost"].tolist() == [5.25]
    assert ws.log("touches").ts.to_list() == [datetime(2026, 9, 1, 8)], "read in the zone of the profile"
    assert ws.log("conversions").ts.to_list() == [datetime(2026, 9, 1, 8)]
    assert len(ws.fingerprints) == 5
    assert ws.file_for("inventory") == "table Inventory"


def test_the_faults_of_a_database_are_told(tmp_path):
    path = tmp_path / "bad.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(
            "CREATE TABLE touches AS SELECT NULL::INT AS user_id, 'soon' AS ts, 'tv' AS channel, 'tap' AS kind"
        )
        connection.execute("CREATE TABLE backlog AS SELECT 'x' AS idea, 11 AS impact")
    assert problems(Workspace.open(f"duckdb://{path}")) == [
        "table touches, column ts: is of type string; it must be a timestamp",
        "table touches, column user_id: is blank; a value is required",
        "table touches, column kind: 'tap' is not one of click, view",
        "table backlog, column surface: is missing; this column is required",
        "table backlog, row 1, column impact: '11' is not allowed; it must be from 1 to 10",
    ]


def test_a_database_that_is_not_there_is_not_created(tmp_path):
    path = tmp_path / "none.duckdb"
    with pytest.raises(WorkspaceError, match="cannot be opened"):
        Workspace.open(f"duckdb://{path}")
    assert not path.exists()


@pytest.mark.parametrize("wrong", [3, None, "nosuch://user:secret@host/db"])
def test_what_is_no_workspace(wrong):
    with pytest.raises(WorkspaceError, match="is not a workspace|cannot be opened") as told:
        Workspace.open(wrong)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgres://ann:s3cret@db/x", "postgres://ann:***@db/x"),
        ("postgres://ann:p@ss/w@db/x", "postgres://ann:***@db/x"),
        ("snowflake://ann@acct/db?password=abc&role=r", "snowflake://ann@acct/db?password=***&role=r"),
        ("databricks://host?access_token=dapi1", "databricks://host?access_token=***"),
        ("duckdb:///tmp/x.duckdb", "duckdb:///tmp/x.duckdb"),
    ],
)
def test_secrets_of_a_url_are_not_shown(url, shown):
    assert masked(url) == shown


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.binary(max_size=80), st.text("a,;\"\n\r #1-:T2026é'", max_size=80).map(str.encode)),
    st.sampled_from([b"", b"user_id,ts,channel,cost,kind\n", b"record_key;x'y\"z;updated_at\n"]),
    st.sampled_from(["touches.csv", "touches.parquet", "touches.xlsx", "extracts/o'hara.csv"]),
)
@example(b"PAR1", b"", "touches.parquet")
def test_no_bytes_of_a_log_raise_anything_but_problems(tmp_path, body, header, name):
    for old in [*tmp_path.glob("touches.*"), *tmp_path.glob("extracts/*")]:
        old.unlink()
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(header + body)
    ws = Workspace.open(tmp_path)
    assert all(str(p) for p in ws.check())
    assert {s.status for s in ws.status()} <= {"ok", "missing", "error"}
