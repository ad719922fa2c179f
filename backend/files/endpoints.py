"""`/v1/files`: upload, list, look at, download and delete. Foreign ids are as unknown as wrong ones."""

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
from backend.moments import now_ms
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
    """A file of purpose `batch` is what `/v1/batches` reads; other files are only kept for their tenant."""
    form = await _read_form(request)
    try:
        kept = await files_of(request).receive(*_wanted(form, caller))
    finally:
        await form.close()
    return answer(file_view(kept))


@router.get("", summary="Files, the newest first")
async def page(
    request: Request,
    caller: Owner,
    purpose: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    after: FileId | None = None,
    order: Literal["asc", "desc"] = "desc",
) -> Response:
    """`after`: the last file of the page before."""
    after = usable_id(after, file_not_found) if after else None
    return answer(list_view(await files_of(request).page(caller.tenant, purpose, after, limit, order), file_view))


@router.get("/{file}", summary="What is known of a file")
async def show(request: Request, caller: Owner, file: FileId) -> Response:
    return answer(file_view(await files_of(request).get(caller.tenant, usable_id(file, file_not_found))))


@router.get("/{file}/content", summary="A file's bytes")
async def content(request: Request, caller: Owner, file: FileId) -> Response:
    files = files_of(request)
    found = await files.get(caller.tenant, usable_id(file, file_not_found))
    headers = {
        "Content-Disposition": as_attachment(found.name),
        "Content-Length": str(found.bytes),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return StreamingResponse(files.read(found.id), 200, headers, "application/octet-stream")


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
    except (UnicodeError, LookupError):  # it may call itself of any charset, also of one that is no text's
        raise BadParameter(
            "", "The form cannot be read: it is not in the charset that it names.", "invalid_form"
        ) from None


def _wanted(form: FormData, caller: Caller) -> tuple[NewFile, AsyncIterator[bytes]]:
    """What is to be kept, and its bytes. Raises BadParameter."""
    file, purpose = form.get("file"), form.get("purpose")
    if not isinstance(file, UploadFile):
        raise BadParameter("file", "file: send one file in a multipart form.", "missing_file")
    if purpose not in PURPOSES:
        raise BadParameter("purpose", f"purpose: must be one of {', '.join(PURPOSES)}.", "invalid_purpose")
    return NewFile(caller.tenant, file.filename or "", str(purpose), expires_at=_expiry(form)), _pieces(file)


def _expiry(form: FormData) -> int | None:
    seconds = form.get("expires_after[seconds]")
    if seconds is None:
        return None
    least, most = LIFE_SECONDS
    if not (isinstance(seconds, str) and seconds.isascii() and seconds.isdigit() and least <= int(seconds) <= most):
        place = "expires_after[seconds]"
        raise BadParameter(place, f"{place}: must be a number from {least:,} to {most:,}.", "invalid_expiry")
    return now_ms() + int(seconds) * 1000


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(CHUNK):
        yield piece


def file_view(row: FileRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "object": "file",
        "bytes": row.bytes,
        "created_at": row.created_at // 1000,
        "expires_at": row.expires_at // 1000 if row.expires_at else None,
        "filename": row.name,
        "purpose": row.purpose,
        "status": "processed",
        "status_details": None,
    }


def list_view(page: FilePage, view: Any) -> dict[str, Any]:
    """A page of anything in OpenAI's form of a list."""
    data = [view(row) for row in page.rows]
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return {"object": "list", "data": data, **ends, "has_more": page.more}


def answer(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
