"""Before the graph: fetch the registered champion that this iteration's bundle has to beat; idempotent.

Run as `python -m rapport.challenge` in the project's root.
"""

from .contracts.params import Params
from .store.console import new_app, run, say
from .store.documents import write_json
from .store.project import CHAMPION, LOOKS, load_params
from .store.registry import fetch_champion

app = new_app("Fetch the champion that this iteration's bundle has to beat.")


@app.command()
def main() -> None:
    """Read the registry, write data/registry."""
    digest = challenge(load_params())
    none = "no champion of this source from an earlier iteration"
    say(f"to be beaten: {none if digest is None else 'champion ' + digest[:12]}")


def challenge(params: Params) -> str | None:
    """Write champion and looks into data/registry and return the champion's digest."""
    digest, judged = fetch_champion(params.registry, params.source.kind, params.clock.iteration, CHAMPION)
    write_json(LOOKS, judged)
    return digest


if __name__ == "__main__":
    run(app)
