"""The commands. Nothing heavy is imported before one is chosen, so that `sluice --help` answers at once."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, NoReturn

import typer

from sluice import db

app = typer.Typer(
    name="sluice",
    help="One durable queue in front of all your GPUs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its boxes show local variables, and those can hold secrets
)
app.add_typer(db.app, name="db")
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def main() -> None:
    app()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sluice {_version()}")
        raise typer.Exit


def _version() -> str:
    try:
        return version("sluice")
    except PackageNotFoundError:
        return "(not installed: run from its sources)"


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options that stand before the command."""


@app.command()
def up(
    logs: Annotated[
        bool | None,
        typer.Option(
            "--logs/--no-logs",
            help="Show every log line here, or keep them in the data folder and show warnings only. "
            "By default a terminal shows warnings, anything else gets every line.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run everything on this machine: the queue, the workers and the API."""
    _refuse_windows()
    from sluice.up import run

    raise typer.Exit(run(logs))


@app.command()
def doctor() -> None:
    """Look at Python, Redis, the engine, the model, the port and the data folder; print what to do."""
    _refuse_windows()
    from sluice.doctor import run

    raise typer.Exit(run())


@app.command(context_settings=PASSED_ON, add_help_option=False)
def api(context: typer.Context) -> None:
    """Run the API alone: `python -m backend`."""
    _become("backend", context.args)


@app.command(context_settings=PASSED_ON, add_help_option=False)
def worker(context: typer.Context) -> None:
    """Run one worker alone: `python -m ollama_worker`."""
    _become("ollama_worker", context.args)


@app.command(context_settings=PASSED_ON, add_help_option=False)
def bench(context: typer.Context) -> None:
    """Measure: `python -m bench`."""
    _become("bench", context.args)


def _become(module: str, arguments: list[str]) -> NoReturn:
    """Turn into `python -m module`: same pid, so a process manager's signals reach it."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - no shell


def _refuse_windows() -> None:
    if sys.platform == "win32":
        typer.echo("sluice: Windows has no UNIX sockets for Valkey: run Sluice inside WSL.", err=True)
        raise typer.Exit(1)
