"""`/v1/files`: upload, list, show, download and delete files. Another tenant's file is as unknown as a wrong id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from backend.accounts.caller import Caller
from backend.accounts.needs import needs
from backend.dialects.openai.errors import BadParameter
from backend.files.names import as_attachment
from backend.files.service import CHUNK, FilePage, NewFile, file_not_found, files_of
from backend.ids import FileId, usable_id
from backend.moments import now_ms, seconds
from backend.store.rows import FileRow

router = APIRouter(prefix="/v1/files", tags=["OpenAI"])
Owner = Annotated[Caller, needs("files")]
PURPOSES = ("assistants", "batch", "evals", "fine-tune", "user_data", "vision")
LIFE_SECONDS = (3_600, 2_592_000)  # an hour to 30 days, as OpenAI has it
UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string", "enum": list(PURPOSES)},
                        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                        "expires_after[seconds]": {"type": "integer"},
                    },
                }
            }
        },
    }
}


@router.post("", openapi_extra=UPLOAD, summary="Upload a file, as OpenAI does it")
async def upload(request: Request, caller: Owner) -> Response:
    """`/v1/batches` reads a file of purpose `batch`; other files are kept for their callers."""
    form = await _read_form(request)
    try:
        row = await files_of(request).receive(*_upload(form, caller))
    finally:
        await form.close()
    return answer(file_view(row))


@router.get("", summary="Files, the newest first")
async def page(
    request: Request,
    caller: Owner,
    purpose: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    after: FileId | None = None,
    order: Literal["asc", "desc"] = "desc",
) -> Response:
    """`after`: the id of the last file of the page before."""
    after = usable_id(after, file_not_found) if after else None
    return answer(list_view(await files_of(request).page(caller.tenant, purpose, after, limit, order)))


@router.get("/{file}", summary="A file, without its bytes")
async def show(request: Request, caller: Owner, file: FileId) -> Response:
    return answer(file_view(await files_of(request).get(caller.tenant, usable_id(file, file_not_found))))


@router.get("/{file}/content", summary="A file's bytes")
async def content(request: Request, caller: Owner, file: FileId) -> Response:
    files = files_of(request)
    row = await files.get(caller.tenant, usable_id(file, file_not_found))
    headers = {
        "Content-Disposition": as_attachment(row.name),
        "Content-Length": str(row.bytes),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return StreamingResponse(files.read(row.id), 200, headers, "application/octet-stream")


@router.delete("/{file}", summary="Delete a file")
async def delete(request: Request, caller: Owner, file: FileId) -> Response:
    await files_of(request).delete(caller.tenant, usable_id(file, file_not_found))
    return answer({"id": file, "object": "file", "deleted": True})


async def _read_form(request: Request) -> FormData:
    """Raises BadParameter."""
    try:
        return await request.form(max_files=1, max_fields=8, max_part_size=4_096)
    except HTTPException as error:
        raise BadParameter("", f"The form cannot be read: {error.detail}", "invalid_form") from None
    except (UnicodeError, LookupError):  # the form may name any charset, also a codec that is not for text
        raise BadParameter(
            "", "The form cannot be read: it is not in the charset that it names.", "invalid_form"
        ) from None


def _upload(form: FormData, caller: Caller) -> tuple[NewFile, AsyncIterator[bytes]]:
    """The file that is to be stored, and its bytes. Raises BadParameter."""
    file, purpose = form.get("file"), form.get("purpose")
    if not isinstance(file, UploadFile):
        raise BadParameter("file", "file: send one file in a multipart form.", "missing_file")
    if purpose not in PURPOSES:
        raise BadParameter("purpose", f"purpose: must be one of {', '.join(PURPOSES)}.", "invalid_purpose")
    return NewFile(caller.tenant, file.filename or "", str(purpose), expires_at=_expiry(form)), _pieces(file)


def _expiry(form: FormData) -> int | None:
    life = form.get("expires_after[seconds]")
    if life is None:
        return None
    least, most = LIFE_SECONDS
    if not (isinstance(life, str) and life.isascii() and life.isdigit() and least <= int(life) <= most):
        place = "expires_after[seconds]"
        raise BadParameter(place, f"{place}: must be a number from {least:,} to {most:,}.", "invalid_expiry")
    return now_ms() + int(life) * 1000


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(CHUNK):
        yield piece


def file_view(row: FileRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "object": "file",
        "bytes": row.bytes,
        "created_at": seconds(row.created_at),
        "expires_at": seconds(row.expires_at) if row.expires_at else None,
        "filename": row.name,
        "purpose": row.purpose,
        "status": "processed",
        "status_details": None,
    }


def list_view(page: FilePage) -> dict[str, Any]:
    """A page of files in the form of OpenAI's lists."""
    data = [file_view(row) for row in page.rows]
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return {"object": "list", "data": data, **ends, "has_more": page.more}


def answer(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
