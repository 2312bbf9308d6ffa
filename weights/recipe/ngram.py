"""A 5-gram model of the same tokens, to compare with. docs.bin -> bits per byte of the held-out files

Interpolated Kneser-Ney with one discount an order (Chen and Goodman, 1999, An empirical study of smoothing techniques, section 2.7):

    P_n(w | h) = max(c(h w) - D_n, 0) / c(h) + D_n N(h .) / c(h) * P_{n-1}(w | h without its first token)

c counts occurrences at the highest order and, below it, the different tokens that stand before; N(h .) counts the different tokens after h;
D_n = n1 / (n1 + 2 n2), n1 and n2 being the n-grams of count 1 and 2.
"""

import numpy as np

ORDER = 5


class Order:
    """All n-grams of one length: sorted keys (id of the first n - 1 tokens) * V + (last token); an n-gram's id is its place."""

    def __init__(self, keys: np.ndarray):
        self.keys, self.first, self.of_position, self.counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)

    def ids(self, keys: np.ndarray) -> np.ndarray:
        """Of keys that are known; -1 for others."""
        at = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[at] == keys, at, -1)


def grams(prefixes: np.ndarray, tokens: np.ndarray, vocabulary: int) -> np.ndarray:
    """Keys of the n-grams that end at each position; prefixes: ids of the (n - 1)-grams that do, -1 if unknown."""
    before = np.concatenate(([-1], prefixes[:-1]))
    return np.where(before < 0, -1, before * vocabulary + tokens)


def bits(training: np.ndarray, held_out: np.ndarray, vocabulary: int) -> np.ndarray:
    """-log2 of the probability of every token of `held_out`, the first of which has no context."""
    training, held_out = training.astype(np.int64), held_out.astype(np.int64)
    orders = [Order(training)]
    for _ in range(1, ORDER):
        orders.append(Order(grams(orders[-1].of_position, training, vocabulary)))
    probability = np.full(len(held_out), 1 / vocabulary)
    known = np.zeros(len(held_out), np.int64)  # ids of the contexts of order n; the empty one's is 0
    for n, order in enumerate(orders):
        counts = order.counts
        if n + 1 < ORDER:  # by how many tokens it is preceded: by how many (n + 1)-grams it is the end of
            longer = orders[n + 1]
            counts = np.bincount(order.of_position[longer.first], minlength=len(order.keys))
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        discount = once / max(1, once + 2 * twice)
        contexts = order.keys // vocabulary  # -1 at the very start of the text
        size = len(orders[n - 1].keys) if n > 0 else 1
        total, followers = (np.bincount(contexts[contexts >= 0], weights, size) for weights in (counts[contexts >= 0], None))
        context = np.concatenate(([-1], known[:-1])) if n > 0 else known
        found = order.ids(np.where(context < 0, -2, context * vocabulary + held_out))
        seen = np.where(context < 0, 0.0, total[context])
        share = np.where(found < 0, 0.0, np.maximum(counts[found] - discount, 0.0))
        mixed = (share + discount * followers[context] * probability) / np.maximum(seen, 1e-300)
        probability = np.where(seen > 0, mixed, probability)
        known = found
    return -np.log2(probability)
