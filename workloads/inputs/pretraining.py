"""Documents as batches for BERT's two pretraining tasks (Devlin et al. 2018, sections 3.1 and A.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workloads.inputs.source import SEED
from workloads.inputs.text import CLS, FIRST_WORD, MASK, PAD, SEP, VOCABULARY, Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

IGNORED = -100  # a label that torch's cross entropy leaves out


def pretraining_batches(
    documents: Sequence[Document], batch_size: int, count: int, sequence_length: int
) -> list[dict[str, Tensor]]:
    """Batches of sentence pairs ``[CLS] A [SEP] B [SEP]``, padded to ``sequence_length``, words masked.

    B follows A in its document in every other pair (``next_sentence_label`` 0), and comes from another document in
    the rest (1). Each batch also has ``input_ids``, ``token_type_ids`` (1 on B), ``attention_mask`` and ``labels``
    (the word where it is to be guessed, else -100), of shape (batch_size, sequence_length).

    Raises:
        ValueError: the documents have no pair of sentences, or there is but one document.
    """
    pairs = Pairs(documents, batch_size, sequence_length)
    return [pairs.batch(number, documents.__getitem__) for number in range(count)]


class Pairs:
    """The batches of `pretraining_batches`, each of which can be made again of documents that are read anew."""

    def __init__(self, documents: Sequence[Document], batch_size: int, sequence_length: int) -> None:
        import numpy as np

        self._usable = [at for at, document in enumerate(documents) if len(document.sentences) > 1]
        if len(self._usable) < 2:
            raise ValueError("data: next-sentence prediction needs two texts or more of at least two sentences each")
        self._size, self._length = batch_size, sequence_length
        self._rng = np.random.default_rng(SEED)
        self._states = [self._rng.bit_generator.state]  # ahead of each batch, since one draws where the last one ended

    def needed(self, number: int) -> list[int]:
        """Which documents a batch is made of."""
        first = number * self._size
        return sorted({self._document(item) for item in range(first, first + self._size + 1)})

    def batch(self, number: int, document: Callable[[int], Document]) -> dict[str, Tensor]:
        """Batch ``number`` of the documents that ``document`` gives; one must be made before the next one can be."""
        import numpy as np
        import torch

        rng, size, length = self._rng, self._size, self._length
        rng.bit_generator.state = self._states[number]
        ids = np.full((size, length), PAD)
        segments, real = np.zeros_like(ids), np.zeros_like(ids)
        first = number * size
        unrelated = np.arange(first, first + size) % 2
        for row, item in enumerate(range(first, first + size)):
            other = document(self._document(item + 1)) if unrelated[row] else None
            one, two = sentence_pair(document(self._document(item)), other, length - 3, rng)
            tokens = [CLS, *one, SEP, *two, SEP]
            ids[row, : len(tokens)] = tokens
            segments[row, len(one) + 2 : len(tokens)] = 1
            real[row, : len(tokens)] = 1
        masked, labels = mask_words(ids, rng)
        if number + 1 == len(self._states):
            self._states.append(rng.bit_generator.state)
        arrays = {
            "input_ids": masked,
            "token_type_ids": segments,
            "attention_mask": real,
            "labels": labels,
            "next_sentence_label": unrelated,
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _document(self, item: int) -> int:
        return self._usable[item % len(self._usable)]


def sentence_pair(
    document: Document, other: Document | None, room: int, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Two runs of whole sentences of at most ``room`` tokens in all, the second cut at its end to fit.

    The second run starts where the first ends or, if ``other`` is given, at a random sentence of that document. The
    first is at most half of the room, cut at its beginning, so that the second really follows it.
    """
    sentences = document.sentences
    left = [sum(map(len, sentences[i:])) for i in range(len(sentences) - 1)]
    full = [i for i, tokens in enumerate(left) if tokens >= room] or [0]
    start = int(rng.choice(full))
    one, end = list(sentences[start]), start + 1
    while end < len(sentences) - 1 and len(one) + len(sentences[end]) <= room // 2:
        one += sentences[end]
        end += 1
    one = one[-(room // 2) :]
    source, begin = (document, end) if other is None else (other, int(rng.integers(len(other.sentences))))
    two = [token for sentence in source.sentences[begin:] for token in sentence]
    return one, two[: room - len(one)]


def mask_words(ids: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids with 15 % of each row's words hidden, and the labels: the hidden word, -100 elsewhere.

    Of the hidden ones 80 % become [MASK], 10 % a random word and 10 % stay. Special tokens are never chosen.
    """
    import numpy as np

    words = ~np.isin(ids, (PAD, CLS, SEP))
    quota = np.maximum(1, np.round(0.15 * words.sum(axis=1)))[:, None]
    rank = np.where(words, rng.random(ids.shape), 2.0).argsort(axis=1).argsort(axis=1)
    hidden = rank < quota
    fate = rng.random(ids.shape)
    random_words = rng.integers(FIRST_WORD, VOCABULARY, ids.shape)
    masked = np.where(hidden & (fate < 0.8), MASK, np.where(hidden & (fate >= 0.9), random_words, ids))
    return masked, np.where(hidden, ids, IGNORED)
