"""kill -9 of anything at any moment: the night ends with the hashes of an undisturbed one.

`make chaos` takes a hundred points; `POINTS` and `SEED` choose others.
"""

from pathlib import Path

import pytest

from tests.chaos.site import Site
from tests.chaos.storm import Point, Row, Storm, artifacts, attempts
from tests.flows import nights

pytestmark = pytest.mark.chaos


def test_a_night_in_a_storm_ends_with_the_hashes_of_a_calm_one(
    points: list[Point],
    site: Site,
    calm: nights.Ran,
    rows: list[tuple[Row, bool]],
    tmp_path: Path,
) -> None:
    home = nights.new_home(tmp_path / "home")
    storm = Storm(site, home, tmp_path / "night.log")
    ran = storm.ride(points, calm.summary["counts"]["blocks"] - 1)
    rows += [(row, ran.outputs == calm.outputs) for row in storm.rows]
    assert ran.outputs == calm.outputs
    assert [row.point for row in storm.rows] == points

    stored, undisturbed = artifacts(home), artifacts(calm.home)
    assert None not in stored.values(), "an artifact is not whole"
    both = stored.keys() & undisturbed.keys()
    assert len(both) >= len(calm.outputs)
    assert all(stored[key].sha256 == undisturbed[key].sha256 for key in both)

    begun = attempts(home)
    again = sum(count - 1 for count in begun.values())
    flying = sum(len(row.flying) for row in storm.rows)
    assert again <= flying, "only blocks in flight are done twice"
    counts = ran.summary["counts"]
    assert counts["attempts"] - counts["blocks"] <= flying
    assert counts["begun_twice"] <= flying
