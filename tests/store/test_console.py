"""Every command starts in the same way."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from rapport.store.console import new_app, run


def test_linear_algebra_of_a_command_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["command"])
    app, seen = new_app("Look around."), []

    @app.command()
    def main() -> None:
        seen.extend(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")

    with threadpool_limits(2, user_api="blas"), pytest.raises(SystemExit):
        run(app)
    assert set(seen) == {1}
