"""Adds the page to the app: the built page that the settings name, or the one in its usual place."""

from __future__ import annotations

from pathlib import Path

import structlog
from fastapi import FastAPI

from backend.site.files import NoPage, Site, read_site
from backend.site.missing import missing_site
from backend.site.route import SiteRoute

PACKAGE = Path(__file__).parents[1]
# In a checkout, where the build leaves it; else where a wheel carries it.
PLACES = (PACKAGE.parent / "frontend" / "out", PACKAGE / "page")
log = structlog.get_logger()


def install(app: FastAPI, folder: Path | None, api: frozenset[str], *, elsewhere: bool = False) -> None:
    """Add the page's route; to be called when every other route is there. `folder`: the built page; None: the usual
    places are looked at. `api`: the first parts of the API's paths.

    `elsewhere`: another server has the page, and this one has none on purpose.
    """
    app.router.routes.append(SiteRoute(missing_site(elsewhere=True) if elsewhere else find_site(folder), api))


def find_site(folder: Path | None) -> Site:
    """The built page, or, where there is none, a page that explains why."""
    place = folder or next((place for place in PLACES if place.is_dir()), PLACES[0])
    try:
        return read_site(place)
    except NoPage as error:
        log.warning(f"The page is not served: {error}", action="site.missing")
        return missing_site()
