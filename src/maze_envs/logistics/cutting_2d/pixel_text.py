"""Writes short labels into pictures, without a font library."""

from __future__ import annotations

import numpy as np

GLYPH_WIDTH, LINE_HEIGHT = 3, 5
"""Pixels of a letter, in its own resolution."""

GLYPHS = {
    " ": "00000", ":": "02020", "-": "00700", ".": "00002", "×": "00525",
    "0": "75557", "1": "26227", "2": "71747", "3": "71317", "4": "55711",
    "5": "74717", "6": "74757", "7": "71222", "8": "75757", "9": "75717",
    "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644", "G": "34553",
    "H": "55755", "I": "72227", "J": "11152", "K": "55655", "L": "44447", "M": "57755", "N": "65555",
    "O": "75557", "P": "65644", "Q": "25563", "R": "65655", "S": "34216", "T": "72222", "U": "55557",
    "V": "55552", "W": "55775", "X": "55255", "Y": "55222", "Z": "71247",
}  # fmt: skip
"""Five rows of each letter from the top, each the sum of 4 (left), 2 and 1 (right)."""


def draw_text(  # noqa: PLR0917 - where, what, how
    picture: np.ndarray, left: int, top: int, text: str, color: tuple[int, int, int], scale: int
) -> None:
    """Write one line into a picture; what lies outside is cut off.

    Args:
        picture: Colors, (height, width, 3) of uint8; it is changed.
        left: Where the text begins, in pixels.
        top: Upper edge of the text, in pixels.
        text: Capitals, digits and some punctuation; others are left blank.
        color: Of the letters.
        scale: Pixels of the picture for each of a letter's.

    Example:
        >>> picture = np.zeros((5, 3, 3), np.uint8)
        >>> draw_text(picture, 0, 0, "L", (1, 1, 1), scale=1)
        >>> picture[:, :, 0].tolist()
        [[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 1]]
    """
    rows = [[int(row) for row in GLYPHS.get(letter, GLYPHS[" "])] for letter in text]
    bits = np.array([[[row >> shift & 1 for shift in (2, 1, 0)] for row in letter] for letter in rows], bool)
    spaced = np.pad(bits, ((0, 0), (0, 0), (0, 1)))
    line = spaced.transpose(1, 0, 2).reshape(LINE_HEIGHT, -1)[:, :-1]
    large = line.repeat(scale, axis=0).repeat(scale, axis=1)
    region = picture[top : top + large.shape[0], left : left + large.shape[1]]
    region[large[: region.shape[0], : region.shape[1]]] = color


def text_width(text: str, scale: int) -> int:
    """Pixels that a line takes in width.

    Example:
        >>> text_width("10×7", scale=2)
        30
    """
    return (len(text) * (GLYPH_WIDTH + 1) - 1) * scale
