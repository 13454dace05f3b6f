"""A night in a storm: its parts are killed one after the other, and what came of each kill."""

import contextlib
import dataclasses
import random
import subprocess
import time
from pathlib import Path

from tasks.data.store import Artifact, Store
from tests.chaos.site import WORKERS, Site
from tests.flows import nights

VICTIMS = ("worker", "scheduler", "flow", "server")
PER_NIGHT = 5
#: a night that needs more starts than this goes round in circles
MOST_STARTS = 3 * PER_NIGHT
PATIENCE_SECONDS = 600.0
#: a kill strikes up to this long after the block that it waited for was begun
LATEST_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Point:
    """What is killed, and when.

    Attributes:
        victim: one of `VICTIMS`.
        share: of the night's blocks, begun when it strikes.
        delay: seconds after that.
        choice: any number, for what is left to chance.
    """

    victim: str
    share: float
    delay: float
    choice: int


@dataclasses.dataclass
class Row:
    """What came of one kill.

    Attributes:
        point: the kill.
        begun: how often each block was begun until then.
        flying: keys of the blocks that had begun and not ended.
        what: what the night did.
        seconds: until work went on.
        twice: how many of the blocks in flight were done again.
    """

    point: Point
    begun: dict[str, int]
    flying: frozenset[str]
    what: str = "went on"
    seconds: float = 0.0
    twice: int = 0


def plan(count: int, seed: int) -> list[list[Point]]:
    """Points for several nights; every victim has the same share, order and moments are chance."""
    chance = random.Random(seed)
    victims: list[str] = []
    while len(victims) < count:
        victims += chance.sample(VICTIMS, len(VICTIMS))
    points = [
        Point(v, chance.random(), chance.uniform(0, LATEST_SECONDS), chance.randrange(1 << 30))
        for v in victims[:count]
    ]
    number = -(-count // PER_NIGHT)
    storms = [points[i::number] for i in range(number)]
    return [sorted(storm, key=lambda p: p.share) for storm in storms]


class Storm:
    """Rides one night through its kills, starting it again whenever it has ended too early.

    Args:
        site: where it runs.
        home: an empty store.
        log: file that takes what the night's command prints.
    """

    def __init__(self, site: Site, home: Path, log: Path) -> None:
        self.site, self.home, self.log = site, home, log
        self.rows: list[Row] = []
        self.starts = 0
        self.night = self._started(nights.nightly())

    def ride(self, points: list[Point], blocks: int) -> nights.Ran:
        """Let every point strike; how the night ended in the end."""
        try:
            for point in points:
                self._until(int(point.share * blocks))
                time.sleep(point.delay)
                self._strike(point)
            while self._ended() != 0:
                self._again("retry")
            self._count_twice()
        finally:
            self.night.kill()
            self.night.wait()
        text = self.log.read_text()
        assert "Traceback" not in text, text[-3000:]
        return nights.Ran(0, text, "", self.home)

    def _until(self, begun: int) -> None:
        """Wait until more than so many blocks have begun."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(attempts(self.home)) <= begun:
            if self.night.poll() is not None:
                assert self.night.returncode != 0, f"the night ended before {begun} blocks began"
                self._again("retry")
            assert time.monotonic() < deadline, f"no more than {begun} blocks in time"
            time.sleep(0.02)

    def _strike(self, point: Point) -> None:
        self._count_twice()
        before = in_flight(self.home)
        if point.victim == "worker":
            self.site.kill_worker(point.choice % WORKERS)
        elif point.victim == "flow":
            self.night.kill()
            self.night.wait()
        else:
            self.site.kill(point.victim)
        struck = time.monotonic()
        counts = attempts(self.home)
        row = Row(point, counts, before | in_flight(self.home))
        self.rows.append(row)
        if point.victim == "flow":
            self._again("retry" if point.choice % 2 else "nightly")
        while attempts(self.home) == counts and self.night.poll() != 0:
            if self.night.poll() is not None:
                self._again("retry")
            assert time.monotonic() - struck < PATIENCE_SECONDS, f"nothing goes on after {point}"
            time.sleep(0.02)
        row.seconds = time.monotonic() - struck

    def _count_twice(self) -> None:
        """See what of the newest kill's blocks was begun again since."""
        if self.rows:
            row, now = self.rows[-1], attempts(self.home)
            row.twice = sum(now[key] > count for key, count in row.begun.items())

    def _again(self, how: str) -> None:
        """Start what has ended: the same night once more, or a retry of its run."""
        if self.rows:
            died = self.night.returncode < 0
            said = "" if died else _sentence(self.log)
            self.rows[-1].what = f"{'died' if died else f'ended ({said})'}; {how}"
        self.site.wait()
        self.night = self._started(nights.command("retry") if how == "retry" else nights.nightly())

    def _started(self, words: list[str]) -> subprocess.Popen[bytes]:
        self.starts += 1
        assert self.starts <= MOST_STARTS, self.log.read_text()[-3000:]
        with self.log.open("ab") as log:
            env = self.site.environment(self.home)
            return subprocess.Popen(words, env=env, stdout=log, stderr=log)

    def _ended(self) -> int:
        return self.night.wait(timeout=PATIENCE_SECONDS)


def attempts(home: Path) -> dict[str, int]:
    """How often the work of each key was begun."""
    found: dict[str, int] = {}
    for folder in home.glob("attempts/*/*"):
        with contextlib.suppress(FileNotFoundError):
            found[folder.name] = len(list(folder.iterdir()))
    return found


def in_flight(home: Path) -> frozenset[str]:
    """Keys whose work was begun and has no result yet."""
    store = Store(str(home))
    return frozenset(key for key in attempts(home) if store.find(key, verify=False) is None)


def artifacts(home: Path) -> dict[str, Artifact | None]:
    """Every artifact of a store by its key, read and verified; None for what is not whole."""
    store = Store(str(home))
    return {folder.name: store.find(folder.name) for folder in home.glob("objects/*/*")}


def table(rows: list[tuple[Row, bool]]) -> str:
    """The kills, one per line."""
    head = f"{'victim':<10} {'moment':<22} {'s':>6} {'twice':>5} {'in flight':>9} hashes what"
    lines = [
        f"{row.point.victim:<10} {f'{len(row.begun)} begun, +{row.point.delay:.2f} s':<22} "
        f"{row.seconds:>6.1f} {row.twice:>5} {len(row.flying):>9} "
        f"{'equal ' if equal else 'OTHER '} {row.what}"
        for row, equal in rows
    ]
    return "\n".join([head, *lines])


def _sentence(log: Path) -> str:
    """What the command said last about its end."""
    said = [line for line in log.read_text().splitlines() if line.startswith("qilin: ")]
    return said[-1].removeprefix("qilin: ")[:160] if said else ""
