"""The sample nights as fixtures; they are built and rendered once per session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import sample_night

from tasks.report import html
from tasks.report.night import Night


@pytest.fixture(scope="session")
def full() -> Night:
    return sample_night.full_night()


@pytest.fixture(scope="session")
def failed() -> Night:
    return sample_night.failed_night()


@pytest.fixture(scope="session")
def bare() -> Night:
    return sample_night.bare_night()


@pytest.fixture(scope="session")
def full_page(full: Night) -> str:
    return html.render(full, "../../2026-11-19/full-01/report.html")


@pytest.fixture(scope="session")
def failed_page(failed: Night) -> str:
    return html.render(failed)


@pytest.fixture(scope="session")
def bare_page(bare: Night) -> str:
    return html.render(bare)
