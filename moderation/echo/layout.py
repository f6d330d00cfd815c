"""The files of an echo index and the few numbers that builder and reader share.

    echo.json      written last: format, counts, bits
    rows.txt       the rows, UTF-8, one a line (a row may hold line breaks: starts.npy has the borders)
    starts.npy     where each row starts in rows.txt, and the end
    lengths.npy    words in each row, 255 for that many or more
    buckets.npy    2^bits + 1 borders in the next two
    posting_rows.npy, posting_prints.npy    row numbers and 16-bit fingerprints of the keys that point to them

A key is a 64-bit number of a group of words (:mod:`moderation.echo.words`). Its top bits name the bucket, its low
16 bits are the fingerprint. Three kinds of key point to a row: all its words; each three words in a row; and, for
short rows, each pair of its four rarest words, because two typing errors can break every three words of a short row.
"""

FORMAT = 1
MANIFEST, ROWS, STARTS, LENGTHS = "echo.json", "rows.txt", "starts.npy", "lengths.npy"
BUCKETS, POSTING_ROWS, POSTING_PRINTS = "buckets.npy", "posting_rows.npy", "posting_prints.npy"

SHORT_ROW = 12  # words; up to here the pairs are kept too
LONG_ROW = 24  # words; beyond, only minimisers of the three-word keys are kept
WINNOW = 3  # a minimiser is the least key of this many neighbours (Schleimer et al., "Winnowing", SIGMOD 2003)
RAREST = 4  # words of a short row that are paired
PAIR_REACH = 8  # a text's words are paired up to this many words apart
LIST_LIMIT = 96  # postings kept for one key; "i want to" needs no more
