"""Parquet in, and Parquet out."""

from __future__ import annotations

import json

import pytest

from backbay_batch import BatchSetupError, flat_price

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def table(files):
    """Writes a Parquet input."""

    def write(rows, **options):
        path = files.folder / "requests.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path, **options)
        return path

    return write


def test_a_body_may_be_json_or_a_struct(vendor, files, batch, table):
    messages = [{"role": "user", "content": "one"}]
    assert batch(input=table([{"custom_id": "a", "body": json.dumps({"messages": messages, "seed": None})}])).ok
    assert batch(input=table([{"custom_id": "a", "body": {"messages": messages, "max_tokens": 7}}]), restart=True).ok
    assert files.text("a") == "echo one"
    assert vendor.server.requests[1].json["max_tokens"] == 7


def test_a_column_for_each_field_makes_a_body(vendor, files, batch, table):
    rows = [
        {"custom_id": 1, "prompt": "one", "system": "be kind", "temperature": 0.5},
        {"custom_id": 2, "prompt": "two", "system": None, "temperature": None},
    ]
    assert batch(input=table(rows)).ok
    by_prompt = {each.json["messages"][-1]["content"]: each.json for each in vendor.server.requests}
    assert by_prompt["one"]["temperature"] == 0.5
    assert [each["role"] for each in by_prompt["one"]["messages"]] == ["system", "user"]
    assert "temperature" not in by_prompt["two"]
    assert len(by_prompt["two"]["messages"]) == 1
    assert [each["custom_id"] for each in files.results] == ["1", "2"]


def test_messages_may_be_json_or_a_list(vendor, files, batch, table):
    messages = [{"role": "user", "content": "one"}]
    assert batch(input=table([{"custom_id": "a", "messages": json.dumps(messages)}])).ok
    assert batch(input=table([{"custom_id": "a", "messages": messages}]), restart=True).ok


def test_a_column_of_inputs_is_embedded(vendor, files, batch, table):
    assert batch("acme:acme-e", input=table([{"custom_id": "a", "input": ["ab"]}])).ok
    assert files.results[0]["response"]["body"]["data"][0]["embedding"] == [0.5, 2]


def test_rows_that_are_no_requests_are_errors_of_their_own(vendor, files, batch, table):
    rows = [
        {"custom_id": "a", "body": "no json"},
        {"custom_id": None, "body": "{}"},
        {"custom_id": "b", "body": json.dumps({"messages": [{"role": "user", "content": "b"}]})},
        {"custom_id": "b", "body": json.dumps({"messages": [{"role": "user", "content": "c"}]})},
    ]
    found = batch(input=table(rows))
    assert (found.answered, found.bad) == (1, 3)
    assert [each["error"] and each["error"]["line"] for each in files.results] == [1, 2, None, 4]


def test_thousands_of_rows_in_several_groups_are_each_asked_for_once_and_a_stopped_run_goes_on(
    vendor, files, batch, table
):
    source = table([{"custom_id": f"r{n}", "prompt": f"r{n}"} for n in range(1500)], row_group_size=400)
    found = batch(input=source, rules={"max_tokens": 9000, "concurrency": 32})
    assert found.stopped == "budget"
    assert batch(input=source, rules={"concurrency": 32}).ok
    assert [each["custom_id"] for each in files.results] == [f"r{n}" for n in range(1500)]
    assert files.text("r1234") == "echo r1234"
    assert vendor.total == 1500


def test_results_can_be_parquet(vendor, files, batch):
    files.write(
        {"custom_id": "a", "body": {"messages": [{"role": "user", "content": "one"}]}},
        "nonsense",
        {"custom_id": "b", "body": {"messages": [{"role": "user", "content": "two"}]}},
    )
    output = files.folder / "results.parquet"
    batch(output=output, rules={"price": flat_price(1000, 2000)})
    rows = pq.read_table(output).to_pylist()
    assert [(row["custom_id"], row["line"], row["text"], row["status_code"]) for row in rows] == [
        ("a", 1, "echo one", 200),
        (None, 2, None, None),
        ("b", 3, "echo two", 200),
    ]
    assert json.loads(rows[1]["error"])["code"] == rows[1]["error_code"] == "invalid_json_line"
    assert (rows[0]["input_tokens"], rows[0]["output_tokens"], rows[0]["cost"]) == (10, 5, pytest.approx(0.02))


@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", b"{}"])
def test_what_is_no_parquet_is_refused(vendor, files, batch, content):
    path = files.folder / "requests.parquet"
    path.write_bytes(content)
    with pytest.raises(BatchSetupError, match="is no Parquet file"):
        batch(input=path)


def test_a_table_without_the_columns_is_refused(vendor, files, batch, table):
    with pytest.raises(BatchSetupError, match="needs custom_id"):
        batch(input=table([{"id": "a", "text": "b"}]))
