"""Near-duplicates: the sketch against exact Jaccard, and overlaps against counting by hand."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftgate.data.dataset import read_rows
from liftgate.data.near import THRESHOLD, WORDS, near_pairs, overlaps, similarity
from liftgate.data.shingles import shingled
from liftgate.data.text import normal_bytes

BANK = Path(__file__).parents[3] / "shared/data/banking77/train.chat.jsonl"


def grams(text: bytes, size: int = WORDS) -> set[bytes]:
    words = text.split()
    if len(words) < size:
        return {text} if text else set()
    return {b" ".join(words[at : at + size]) for at in range(len(words) - size + 1)}


def later_repeats(texts: list[bytes]) -> set[int]:
    """Indices of texts with an earlier one at the threshold or above, by exact counting."""
    owners: dict[bytes, list[int]] = defaultdict(list)
    sets = [grams(text) for text in texts]
    found = set()
    for index, own in enumerate(sets):
        shared = Counter(other for gram in own for other in owners[gram])
        if any(n / (len(own) + len(sets[other]) - n) >= THRESHOLD for other, n in shared.items()):
            found.add(index)
        for gram in own:
            owners[gram].append(index)
    return found


def varied(count: int) -> list[bytes]:
    chance = random.Random(3)  # noqa: S311
    words = [f"w{n}".encode() for n in range(400)]
    texts: list[bytes] = []
    for _ in range(count):
        if texts and chance.random() < 0.3:
            copy = chance.choice(texts).split()
            for _ in range(chance.randint(1, 3)):
                copy[chance.randrange(len(copy))] = chance.choice(words)
            texts.append(b" ".join(copy))
        else:
            texts.append(b" ".join(chance.choices(words, k=chance.randint(3, 80))))
    return list(dict.fromkeys(texts))


def recall_and_precision(texts: list[bytes]) -> tuple[float, float]:
    wanted, found = later_repeats(texts), {later for _, later in near_pairs(texts)}
    return len(wanted & found) / len(wanted), len(wanted & found) / len(found)


def test_recall_against_exact_jaccard_on_generated_texts() -> None:
    recall, precision = recall_and_precision(varied(5000))
    assert recall >= 0.95
    assert precision >= 0.99


@pytest.mark.skipif(not BANK.exists(), reason="the shared data folder is not here")
def test_recall_against_exact_jaccard_on_real_questions() -> None:
    rows = read_rows(BANK.read_bytes(), "bank").rows[:5000]
    recall, precision = recall_and_precision(list(dict.fromkeys(normal_bytes(row.prompt) for row in rows)))
    assert recall >= 0.95
    assert precision >= 0.99


def test_ten_thousand_rows_of_one_template_stay_quick_and_are_all_found() -> None:
    body = b" ".join(b"word%d" % n for n in range(60))
    texts = [b"%d " % n + body for n in range(10_000)]
    assert len(near_pairs(texts)) == len(texts) - 1


texts_of_few_words = st.lists(
    st.lists(st.sampled_from([b"a", b"bb", b"c", b"d1"]), max_size=9).map(b" ".join), min_size=1, max_size=12
)


@settings(deadline=None)
@given(texts_of_few_words, st.integers(1, 4))
def test_shingle_hashes_are_equal_exactly_where_the_words_are(texts: list[bytes], size: int) -> None:
    (batch,) = shingled(texts, size)
    seen: dict[bytes, set[int]] = {}
    for index, text in enumerate(texts):
        assert len(set(batch.of(index).tolist())) == len(grams(text, size))
        seen.setdefault(text, set()).update([hash(tuple(batch.of(index).tolist()))])
    assert all(len(hashes) == 1 for hashes in seen.values())


@settings(deadline=None)
@given(texts_of_few_words, texts_of_few_words)
def test_overlaps_equal_counting_by_hand(texts: list[bytes], references: list[bytes]) -> None:
    found = {(o.text, o.reference): o.cover for o in overlaps(texts, references, 2, least_cover=0.01)}
    wanted = {}
    appears = Counter(gram for text in texts for gram in grams(text, 2))
    for t, text in enumerate(texts):
        for r, reference in enumerate(references):
            counted = {gram for gram in grams(reference, 2) if appears[gram] <= 10}
            if shared := grams(text, 2) & counted:
                wanted[t, r] = len(shared) / len(counted)
    assert found == wanted


def test_similarity_of_equal_and_of_foreign_texts() -> None:
    assert similarity(b"a b c d", b"a b c d") == 1
    assert similarity(b"a b c d", b"e f g h") == 0


def test_texts_of_more_than_a_batch_are_compared_too() -> None:
    long = b"a b c d e f g h " * 20_000
    assert similarity(long + b"i", long + b"j") > 0.5
    assert similarity(long, b"x y z") == 0
