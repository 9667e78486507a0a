"""Masked words and next sentences."""

import numpy as np
import pytest

from workloads.inputs.pretraining import mask_words, pretraining_batches, sentence_pair
from workloads.inputs.text import CLS, FIRST_WORD, MASK, PAD, SEP, Document, documents

LENGTH = 64


@pytest.fixture(scope="module")
def texts():
    return documents("generated", 129).content


@pytest.fixture(scope="module")
def batches(texts):
    return pretraining_batches(texts, batch_size=32, count=4, sequence_length=LENGTH)


def test_a_pair_is_laid_out_as_bert_wants_it(batches):
    for batch in batches:
        for ids, segments, real in zip(
            batch["input_ids"], batch["token_type_ids"], batch["attention_mask"], strict=True
        ):
            length = int(real.sum())
            first_end = ids.tolist().index(SEP)
            assert ids[0] == CLS
            assert ids[length - 1] == SEP
            assert real.tolist() == [1] * length + [0] * (LENGTH - length)
            assert (ids[length:] == PAD).all()
            assert segments.tolist() == [0] * (first_end + 1) + [1] * (length - first_end - 1) + [0] * (LENGTH - length)


def test_half_of_the_pairs_are_true(batches):
    assert [int(batch["next_sentence_label"].sum()) for batch in batches] == [16] * 4


def follows(document, one, two):
    """Whether the second run starts in the document where the first ends, at the beginning of a sentence."""
    text = document.tokens
    starts = np.cumsum([0, *map(len, document.sentences)])[:-1]
    return any(text[at - len(one) : at] == one and text[at : at + len(two)] == two for at in starts)


def unmasked(batch, row):
    ids, labels = batch["input_ids"][row], batch["labels"][row]
    return ids.where(labels == -100, labels).tolist()


def test_true_pairs_are_consecutive_in_their_document_and_false_ones_are_not(texts, batches):
    for number, batch in enumerate(batches):
        for row, unrelated in enumerate(batch["next_sentence_label"].tolist()):
            ids = unmasked(batch, row)[: int(batch["attention_mask"][row].sum())]
            middle = ids.index(SEP)
            one, two = ids[1:middle], ids[middle + 1 : -1]
            assert one
            assert two
            assert follows(texts[32 * number + row], one, two) is not bool(unrelated)


def test_a_pair_from_a_long_document_fills_its_room(texts):
    rng = np.random.default_rng(0)
    for document in texts:
        if len(document.tokens) > 200 and len(document.sentences[-1]) < 20:
            one, two = sentence_pair(document, None, 61, rng)
            assert len(one) <= 30
            assert len(one) + len(two) == 61


def test_a_long_first_sentence_is_cut_at_its_beginning_so_that_the_second_follows():
    document = Document((tuple(range(1000, 1100)), (2000, 2001)), 0)
    assert sentence_pair(document, None, 10, np.random.default_rng(0)) == ([1095, 1096, 1097, 1098, 1099], [2000, 2001])


def test_pairs_need_two_documents_of_two_sentences():
    with pytest.raises(ValueError, match="two texts or more"):
        pretraining_batches([Document(((1000,), (1001,)), 0), Document(((1000,),), 0)], 1, 1, 16)


@pytest.fixture(scope="module")
def masking():
    """A quarter of a million words with padding, before and after."""
    ids = np.random.default_rng(1).integers(FIRST_WORD, 30_522, (2000, 128))
    ids[:, 0], ids[:, 60], ids[:, 120], ids[:, 121:] = CLS, SEP, SEP, PAD
    return ids, *mask_words(ids, np.random.default_rng(2))


def test_exactly_15_percent_of_the_words_are_to_be_guessed(masking):
    _, _, labels = masking
    assert set((labels != -100).sum(axis=1)) == {round(0.15 * 118)}


def test_special_tokens_are_never_touched(masking):
    ids, masked, labels = masking
    special = np.isin(ids, (CLS, SEP, PAD))
    assert (labels[special] == -100).all()
    assert (masked[special] == ids[special]).all()


def test_hidden_words_are_80_percent_masked_10_random_10_kept(masking):
    ids, masked, labels = masking
    hidden = labels != -100
    became, was = masked[hidden], ids[hidden]
    assert np.mean(became == MASK) == pytest.approx(0.8, abs=0.01)
    assert np.mean(became == was) == pytest.approx(0.1, abs=0.01)
    assert np.mean((became != MASK) & (became != was)) == pytest.approx(0.1, abs=0.01)
    assert became[became != MASK].min() >= FIRST_WORD


def test_labels_are_the_words_where_they_are_hidden_and_ignored_elsewhere(masking):
    ids, masked, labels = masking
    assert (labels[labels != -100] == ids[labels != -100]).all()
    assert (masked[labels == -100] == ids[labels == -100]).all()


def test_every_batch_hides_other_places(batches):
    places = {tuple((batch["labels"][0] != -100).tolist()) for batch in batches}
    assert len(places) == 4


def test_even_the_shortest_text_has_a_word_to_guess():
    _, labels = mask_words(np.array([[CLS, 2000, SEP, PAD]]), np.random.default_rng(0))
    assert labels.tolist() == [[-100, 2000, -100, -100]]
