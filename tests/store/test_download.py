"""Fetching gives the right file or leaves everything as it was, with one line that says why."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rapport.contracts.errors import InputError
from rapport.fetch import app
from rapport.sources.adapters import DATASETS
from rapport.sources.dataset import Dataset, DatasetFile
from rapport.store.download import fetch

CONTENT = b"recency,spend\n" + b"1,2\n" * 300_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT whole, cut short, or after a long silence."""

    def do_GET(self) -> None:
        if self.path == "/absent.csv":
            self.send_error(404)
            return
        if self.path == "/silent.csv":
            self.server.released.wait(5)  # type: ignore[attr-defined]
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:1000] if self.path == "/short.csv" else CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.released = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.released.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def dataset(url: str | None, sha256: str = SHA256) -> Dataset:
    return Dataset("d", "a test", (DatasetFile("data.csv", url, (sha256,)),), "https://example.org", "none")


def ignore(done: int, total: int | None) -> None:
    pass


def test_a_download_arrives_whole_and_tells_its_progress(address: str, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    paths = fetch(dataset(f"{address}/good.csv"), tmp_path / "raw", None, lambda *state: told.append(state))
    assert paths == [tmp_path / "raw" / "data.csv"]
    assert paths[0].read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert len(told) > 1


def test_what_is_there_already_is_not_downloaded_again(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(CONTENT)
    assert fetch(dataset("http://127.0.0.1:1/closed"), tmp_path, None, ignore) == [tmp_path / "data.csv"]


@pytest.mark.parametrize(
    ("path", "sha256", "message"),
    [
        ("/absent.csv", SHA256, r"absent\.csv: expected the file; got HTTP status 404"),
        ("/short.csv", SHA256, r"short\.csv: expected 1200014 bytes; got 1000 bytes, then the connection ended"),
        ("/silent.csv", SHA256, r"silent\.csv: expected .*--from"),
        ("/good.csv", "0" * 64, rf"good\.csv: expected sha256 0{{64}}; got {SHA256}"),
    ],
)
def test_a_failed_download_leaves_what_was_there(
    address: str, tmp_path: Path, path: str, sha256: str, message: str
) -> None:
    (tmp_path / "data.csv").write_text("old")
    with pytest.raises(InputError, match=message):
        fetch(dataset(f"{address}{path}", sha256), tmp_path, None, ignore, timeout=0.3)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("data.csv", "old")]


def test_no_network_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected an answer; got no connection .*refused.*--from"):
        fetch(dataset("http://127.0.0.1:1/x.csv"), tmp_path, None, ignore, timeout=1)


def test_without_an_address_the_message_names_the_files(tmp_path: Path) -> None:
    needed = r"portfolio\.json, profile\.json, transcript\.parquet \(or transcript\.json\)"
    with pytest.raises(InputError, match=rf"^starbucks_rewards: .*{needed}.*--from"):
        fetch(DATASETS["starbucks_rewards"], tmp_path, None, ignore)


def test_a_local_folder_is_copied_and_checked(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "data.csv").write_bytes(CONTENT)
    (copied,) = fetch(dataset(None), tmp_path / "to", tmp_path / "from", ignore)
    assert copied.read_bytes() == CONTENT
    (tmp_path / "from" / "data.csv").write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match=r"from/data\.csv: expected sha256"):
        fetch(dataset(None), tmp_path / "to", tmp_path / "from", ignore)
    assert copied.read_bytes() == CONTENT


def test_a_folder_that_lacks_a_file_writes_nothing(tmp_path: Path) -> None:
    origin = tmp_path / "from"
    origin.mkdir()
    (origin / "portfolio.json").touch()
    with pytest.raises(InputError, match=r"profile\.json: expected a file of this name; got no such file"):
        fetch(DATASETS["starbucks_rewards"], tmp_path / "to", origin, ignore)
    assert not (tmp_path / "to").exists()


def test_the_substitute_file_will_do(tmp_path: Path) -> None:
    origin = tmp_path / "from"
    origin.mkdir()
    for name in ("portfolio.json", "profile.json", "transcript.json"):
        (origin / name).touch()
    paths = fetch(DATASETS["starbucks_rewards"], tmp_path / "to", origin, ignore)
    assert [path.name for path in paths] == ["portfolio.json", "profile.json", "transcript.json"]


@pytest.mark.shared
def test_the_command_copies_hillstrom(datasets: Path, tmp_path: Path) -> None:
    arguments = ["hillstrom", "--from", str(datasets / "hillstrom"), "--to", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'hillstrom.csv'}  3,964,97" in result.output


def test_the_command_refuses_an_unknown_name() -> None:
    result = CliRunner().invoke(app, ["iris"])
    assert isinstance(result.exception, InputError)
    assert f"one of {', '.join(DATASETS)}; got 'iris'" in str(result.exception)
