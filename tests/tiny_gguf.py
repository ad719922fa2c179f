"""A tiny model for tests: a real llama-architecture GGUF file with random weights, under 1 MB, made in a second.

With temperature 0 it recites a list of words, each behind the one before it: a word that was lost or doubled is seen.
The same arguments always make the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

# ChatML, as the Qwen family writes it: the assistant's turn is opened on demand, and every turn is closed.
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

WORDS = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but "
    "not what all were we when your can said there use an each which she do how their if will up other about out many "
    "then them these so some her would make like him into time has look two more write go see number no way could "
    "people my than first water been call who oil its now find long down day did get come made may part over new"
).split()

SPACE = "\u2581"  # how this kind of tokenizer writes a space
LAYERS, WIDTH, HEADS = 2, 64, 4
RECITE = 24.0  # how much stronger the next word of the list is than what random weights would say


FIRST_WORD = 3 + 256  # its token number: behind the three marks and the bytes


class Vocabulary(NamedTuple):
    tokens: list[bytes]
    scores: list[float]
    types: list[gguf.TokenType]


FILLING = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


def make_tiny_gguf(
    path: Path, ctx: int = 2048, embedding: bool = False, template: str | None = CHATML, filling: str = ""
) -> Path:
    """Write the model to `path` and return it. `ctx`: tokens it claims to be trained for.

    `embedding`: it says how to pool, as embedding models do. `template` None: it brings no chat template. `filling`:
    it has marks for a gap in a text, known by their `words` or told by their `ids`.
    """
    words = vocabulary()
    if filling:
        words.tokens.extend(mark.encode() if filling == "words" else f"<{mark[2:9]}>".encode() for mark in FILLING)
        words.scores.extend([0.0] * 3)
        words.types.extend([gguf.TokenType.CONTROL] * 3)
    file = gguf.GGUFWriter(path, "llama")
    _describe(file, ctx, len(words.tokens))
    _add_tokenizer(file, words, template)
    if filling == "ids":
        for number, name in enumerate(("pre", "suf", "mid"), len(words.tokens) - 3):
            file.add_uint32(f"tokenizer.ggml.fim_{name}_token_id", number)
    if embedding:
        file.add_pooling_type(gguf.PoolingType.MEAN)
    _add_weights(file, np.random.default_rng(1), words)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path


def vocabulary() -> Vocabulary:
    """Three marks, the 256 bytes, the words, every printable character, and what words are put together from."""
    kind = gguf.TokenType
    tokens, types = [b"<unk>", b"<s>", b"</s>"], [kind.UNKNOWN, kind.CONTROL, kind.CONTROL]
    tokens += [b"<0x%02X>" % byte for byte in range(256)]
    types += [kind.BYTE] * 256
    whole = [SPACE + word for word in WORDS]
    pieces = list(dict.fromkeys([*whole, SPACE, *map(chr, range(33, 127)), *_beginnings(whole)]))
    tokens += [piece.encode() for piece in pieces]
    types += [kind.NORMAL] * len(pieces)
    scores = [0.0] * 3 + [-1e4] * 256 + [-n / 10 for n in range(1, len(pieces) + 1)]
    return Vocabulary(tokens, scores, types)


def _beginnings(words: Iterable[str]) -> list[str]:
    """This kind of tokenizer joins two pieces at a time, so a word is only found if each of its beginnings is a piece.

    Without them text would come back as other tokens than it was made of, and nothing could be continued.
    """
    return [word[:length] for word in words for length in range(2, len(word))]


def _describe(file: gguf.GGUFWriter, ctx: int, tokens: int) -> None:
    file.add_name("tiny-random")
    file.add_context_length(ctx)
    file.add_embedding_length(WIDTH)
    file.add_block_count(LAYERS)
    file.add_feed_forward_length(WIDTH * 3)
    file.add_head_count(HEADS)
    file.add_head_count_kv(HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(WIDTH // HEADS)
    file.add_vocab_size(tokens)
    file.add_file_type(gguf.LlamaFileType.ALL_F32)
    file.add_size_label("1K")


def _add_tokenizer(file: gguf.GGUFWriter, words: Vocabulary, template: str | None) -> None:
    file.add_tokenizer_model("llama")
    file.add_token_list(words.tokens)
    file.add_token_scores(words.scores)
    file.add_token_types(words.types)
    file.add_unk_token_id(0)
    file.add_bos_token_id(1)
    file.add_eos_token_id(2)
    file.add_add_bos_token(True)
    file.add_add_eos_token(False)
    if template is not None:
        file.add_chat_template(template)


def _add_weights(file: gguf.GGUFWriter, random: np.random.Generator, words: Vocabulary) -> None:
    """Channel 0 of every embedding is a constant that no layer touches: through it the output favours some tokens."""
    size = len(words.tokens)
    embeddings = _matrix(random, (size, WIDTH))
    embeddings[:, 0] = 3.0
    file.add_tensor("token_embd.weight", embeddings)
    for layer in range(LAYERS):
        _add_layer(file, random, f"blk.{layer}.")
    file.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    output = _matrix(random, (size, WIDTH), scale=6.0)
    output[FIRST_WORD + 1 : FIRST_WORD + len(WORDS)] += RECITE * embeddings[FIRST_WORD : FIRST_WORD + len(WORDS) - 1]
    output[FIRST_WORD] += RECITE * embeddings[FIRST_WORD + len(WORDS) - 1]  # after the last the first again
    output[:, 0] = _preferences(size)
    file.add_tensor("output.weight", output)


def _preferences(size: int) -> Matrix:
    """Words before everything else; now and then the end, so that answers are not endless."""
    preferences = np.full(size, -9.0, np.float32)
    preferences[2] = -2.0  # </s>
    preferences[FIRST_WORD : FIRST_WORD + len(WORDS)] = 2.0
    return preferences


def _add_layer(file: gguf.GGUFWriter, random: np.random.Generator, prefix: str) -> None:
    for norm in ("attn_norm", "ffn_norm"):
        file.add_tensor(f"{prefix}{norm}.weight", np.ones(WIDTH, np.float32))
    for part in ("attn_q", "attn_k", "attn_v"):
        file.add_tensor(f"{prefix}{part}.weight", _matrix(random, (WIDTH, WIDTH), scale=2.0))
    for part in ("ffn_gate", "ffn_up"):
        file.add_tensor(f"{prefix}{part}.weight", _matrix(random, (WIDTH * 3, WIDTH)))
    for part, width in (("attn_output", WIDTH), ("ffn_down", WIDTH * 3)):
        weights = _matrix(
            random, (WIDTH, width), scale=0.05
        )  # what came before tips the scales only between near words
        weights[0, :] = 0.0  # leaves the constant channel alone
        file.add_tensor(f"{prefix}{part}.weight", weights)


def _matrix(random: np.random.Generator, shape: tuple[int, int], scale: float = 1.0) -> Matrix:
    return np.asarray(random.standard_normal(shape) * scale / np.sqrt(shape[-1]), np.float32)
