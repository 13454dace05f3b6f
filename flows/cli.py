"""The `qilin` command: one entry per command; the module behind it loads when it is called.

Results go to stdout, progress and faults to stderr. Exit codes: 0 done, 1 finished with failed
parts, 2 wrong use or settings, 3 warnings under `--strict`, 4 data not ready, 5 environment,
70 a bug of ours, 130 stopped by the user. Commands load when they are called, so that help is
quick; nothing here imports Prefect, whose settings a command must be able to set first.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from tasks import settings
from tasks.errors import EnvironmentFaultError, QilinError

EXIT_USE = 2
EXIT_BUG = 70
EXIT_TERMINATED = 143
EXIT_INTERRUPTED = 130
#: answers of a server from here on say that it failed, not that it was asked wrongly
_BROKEN = 500

_SETTING_FLAG = re.compile(r"--(?P<name>[a-z_][\w-]*(\.[\w-]+)+)(=(?P<value>.*))?", re.DOTALL)

app = App(
    name="qilin",
    help="Nightly quantitative research on A-shares. Start with: qilin nightly --size small",
    version=lambda: f"qilin {version('qilin')}",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
    result_action="return_value",
    help_epilogue="--debug before or after any command shows the traceback of a fault.",
)
_COMMANDS = {
    "nightly": ("flows._cli_nightly:nightly", "Run one night and print where its report lies."),
    "retry": ("flows._cli_nightly:retry", "Run what failed again; what is finished is kept."),
    "rerun": ("flows._cli_rerun:rerun", "Run a night again from a chosen stage."),
    "backfill": ("flows._cli_backfill:backfill", "Run a range of nights that are missing."),
    "sweep": ("flows._cli_sweep:sweep", "Sweep a strategy's parameters, by the million."),
    "train": ("flows._cli_train:train", "Train the models and rank the stocks, without a sweep."),
    "status": ("flows._cli_status:status", "Show the running, the last and the next night."),
    "diff": ("flows._cli_why:diff", "Say what differs between two runs, and why."),
    "explain": ("flows._cli_why:explain", "Say where a number of the report comes from."),
    "doctor": ("flows._cli_doctor:doctor", "Say what this machine has, and what is wrong."),
    "up": ("flows._cli_up:up_command", "Start server, worker, deployments and metrics."),
    "down": ("flows._cli_up:down_command", "Stop everything that `qilin up` started."),
    "settings": ("flows._cli_nightly:list_settings", "Print every setting as a TOML file."),
    "vault": ("flows._cli_vault:commands", "Show, set or open the data that is held out."),
    "ledger": ("flows._cli_vault:ledger", "Show how many trials were ever made, and of what."),
    "rules": ("flows._cli_rules:rules", "Print a market's trading rules on a day, with sources."),
}
for _position, (_name, (_function, _help)) in enumerate(_COMMANDS.items()):
    app.command(_function, name=_name, help=_help, sort_key=_position)

_check = App(name="check", help="Check a file of your own.", sort_key=len(_COMMANDS))
_check.command(
    "flows._cli_check:leaks", name="leaks", help="Say which of your factors use the future."
)
app.command(_check)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = _settings_as_overrides([w for w in words if w != "--debug"])
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return int(app(words, exit_on_error=False, print_error=False) or 0)
    except CycloptsError as error:
        return _complain(f"{_one_line(error)} See: qilin --help", EXIT_USE, debug)
    except QilinError as error:
        return _complain(str(error), error.exit_code, debug)
    except KeyboardInterrupt:
        return _complain(
            "stopped; what is finished is kept: go on with qilin retry", EXIT_INTERRUPTED, False
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last place before the user: never a traceback
        lost = _is_lost_server(error)
        if lost and (full := _full_disk()):
            return _complain(full, EnvironmentFaultError.exit_code, debug)
        log = _write_log()
        if lost:
            return _complain(
                f"the Prefect server stopped answering ({_one_line(error)}) What is finished is "
                f"kept: see qilin doctor and {log}, then: qilin retry",
                EnvironmentFaultError.exit_code,
                debug,
            )
        return _complain(
            f"internal error: {type(error).__name__}: {_one_line(error)} This is a bug of ours: "
            f"please report it with {log}",
            EXIT_BUG,
            debug,
        )


def _is_lost_server(error: BaseException) -> bool:
    """Whether the server went away or broke down: a fault of the machine, not of ours."""
    httpx = sys.modules.get("httpx")
    if httpx is None:
        return False
    broke = isinstance(error, httpx.HTTPStatusError) and error.response.status_code >= _BROKEN
    return broke or isinstance(error, httpx.TransportError)


def _full_disk() -> str:
    """What is wrong with the disk that our server keeps its records on; empty if nothing is."""
    from tasks.data.store import Store

    try:
        Store(str(settings.local_home())).require_writable()
    except EnvironmentFaultError as error:
        return str(error)
    return ""


def _complain(sentence: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"qilin: {sentence}", file=sys.stderr)
    return code


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith((".", "!", "?")) else text + "."


def _settings_as_overrides(words: Sequence[str]) -> list[str]:
    """`--advanced.train.rounds 50` is short for `--set advanced.train.rounds=50`."""
    result: list[str] = []
    rest = iter(words)
    for word in rest:
        match = _SETTING_FLAG.fullmatch(word)
        if match is None:
            result.append(word)
            continue
        value = match["value"] if match["value"] is not None else next(rest, "")
        result += ["--set", f"{match['name']}={value}"]
    return result


def _write_log() -> Path:
    """The traceback goes to a file, where a report of the bug finds it."""
    path = settings.local_home() / "logs" / "qilin.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            file.write(f"{now} qilin {version('qilin')}\n{traceback.format_exc()}\n")
    except OSError:
        traceback.print_exc()
    return path


def _terminated(_number: int, _frame: object) -> None:
    """End in order on SIGTERM, so that servers and workers end too."""
    raise SystemExit(EXIT_TERMINATED)


if __name__ == "__main__":
    sys.exit(main())
