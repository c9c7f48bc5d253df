"""Stage train: churn risk, effects per arm and everything that decides, plus out-of-fold predictions to judge it by.

Run as `python -m rapport.train` in the project's root.
"""

from .models.training import Rows, train
from .policy.eligibility import eligible
from .store.bundle import write_bundle
from .store.console import new_app, run, say
from .store.documents import read_json, write_json
from .store.frames import read_frame, write_frame
from .store.project import BUNDLE, FEATURES, OUT_OF_FOLD, load_params

app = new_app("Train churn risk and intervention uplift; files only, publishing is a step of its own.")


@app.command()
def main() -> None:
    """Read data/features, write data/bundle and data/out_of_fold."""
    params = load_params()
    decisions, snapshots = (read_frame(FEATURES / f"{name}.parquet") for name in ("decisions", "snapshots"))
    features = [(feature["name"], feature["unit"]) for feature in read_json(FEATURES / "features.json")]
    rows = Rows(decisions, snapshots, features, eligible(decisions["kind"], params.interventions))
    trained = train(rows, params, say)
    digest = write_bundle(BUNDLE, trained.bundle)
    write_frame(OUT_OF_FOLD / "churn.parquet", trained.churn_rows)
    write_frame(OUT_OF_FOLD / "curve.parquet", trained.curve_rows)
    write_frame(OUT_OF_FOLD / "uplift.parquet", trained.uplift_rows)
    write_json(OUT_OF_FOLD / "training.json", trained.log)
    say(f"bundle {digest[:12]} written")


if __name__ == "__main__":
    run(app)
