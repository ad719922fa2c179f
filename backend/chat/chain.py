from fastapi import FastAPI

from backend.settings import ApiSettings


def install(app: FastAPI, settings: ApiSettings) -> None:
    pass
