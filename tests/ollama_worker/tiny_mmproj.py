"""A tiny projector with random weights: it makes tokens of an image for the model of `tests/tiny_gguf.py`.

The same arguments always make the same bytes. It sees little, but tells one colour from another.
"""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import gguf
import numpy as np

from tests.tiny_gguf import WIDTH

INNER, HIDDEN, PATCH, SIDE = 32, 64, 14, 28  # pixels: an image is four patches
BLOCK = "v.blk.0."


def make_tiny_mmproj(path: Path) -> Path:
    file = gguf.GGUFWriter(path, "clip")
    file.add_bool("clip.has_vision_encoder", True)
    file.add_string("clip.projector_type", "mlp")
    file.add_bool("clip.use_gelu", True)
    file.add_file_type(gguf.LlamaFileType.ALL_F32)
    _describe(file)
    _add_weights(file, np.random.default_rng(2))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path


def _describe(file: gguf.GGUFWriter) -> None:
    sizes = {"image_size": SIDE, "patch_size": PATCH, "embedding_length": INNER, "feed_forward_length": HIDDEN}
    for name, value in {**sizes, "projection_dim": WIDTH, "block_count": 1, "attention.head_count": 4}.items():
        file.add_uint32(f"clip.vision.{name}", value)
    file.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    file.add_array("clip.vision.image_mean", [0.5] * 3)
    file.add_array("clip.vision.image_std", [0.5] * 3)


def _add_weights(file: gguf.GGUFWriter, random: np.random.Generator) -> None:
    def add(name: str, *shape: int) -> None:
        file.add_tensor(name, np.asarray(random.standard_normal(shape) * 0.05, np.float32))

    def add_layer(name: str, width: int, to: int) -> None:
        add(f"{name}.weight", to, width)
        add(f"{name}.bias", to)

    add("v.patch_embd.weight", INNER, 3, PATCH, PATCH)
    add("v.position_embd.weight", (SIDE // PATCH) ** 2, INNER)
    for norm in ("v.pre_ln", f"{BLOCK}ln1", f"{BLOCK}ln2"):
        file.add_tensor(f"{norm}.weight", np.ones(INNER, np.float32))
        file.add_tensor(f"{norm}.bias", np.zeros(INNER, np.float32))
    for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
        add_layer(BLOCK + part, INNER, INNER)
    add_layer(f"{BLOCK}ffn_up", INNER, HIDDEN)
    add_layer(f"{BLOCK}ffn_down", HIDDEN, INNER)
    add_layer("mm.0", INNER, WIDTH)
    add_layer("mm.2", WIDTH, WIDTH)


def png(red: int, green: int, blue: int, side: int = SIDE) -> str:
    """Base64 of a PNG in one colour."""
    rows = (b"\0" + bytes((red, green, blue)) * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
