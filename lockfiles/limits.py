"""The greatest values of a run. The interview asks within them, and a lock holds none beyond.

A lock is input from elsewhere: each bound keeps what it costs to check in proportion.
"""

MOST_EPOCHS = 1000
MOST_ROWS = 100_000_000
MOST_ORDERED_ROWS = 1_000_000_000
"""Rows times epochs: the order of every epoch is computed, row by row."""
MOST_TOKENS = 10**15
"""Of all rows together."""
MOST_LENGTH_TOKENS = 1 << 20
"""Of `train.max_length`, as asked for."""
MOST_CONTEXT_TOKENS = 1 << 24
"""What a model says that it sees, and so the greatest length that follows from the data."""
MOST_TOKEN_ID = (1 << 24) - 1
MOST_RANK = 1024
MOST_ALPHA = 4096
MOST_DROPOUT = 0.9
MOST_TARGETS = 64
MOST_MICRO_BATCH = 1024
"""As asked for; a plan takes at most the effective batch."""
MOST_EFFECTIVE_BATCH = 65536
LEAST_LEARNING_RATE = 1e-8
MOST_LEARNING_RATE = 0.1
MOST_WARMUP_RATIO = 0.9
MOST_WEIGHT_DECAY = 1.0
MOST_SEED = 2**32 - 1
MOST_FRACTION = 0.5
"""Of the rows that are split off, and of general rows among the training rows."""
MOST_SAMPLES = 1000
"""Held-out rows whose answers are shown."""
MOST_THREADS = 4096
MOST_PROCESSES = 1024
"""Of one training; on cards each of them has one of its own."""
MOST_PARAMETERS = 10**13
MOST_WIDTH = 1 << 24
"""Of any dimension of a model's shape."""
MOST_MODEL_FILES = 2000
MOST_DATA_FILES = 10_000
MOST_BYTES = 1 << 50
"""More than any machine, any disk and any file has."""
MOST_SECONDS = 1e10
MOST_MONEY = 1e12
CAPABILITY = r"^([0-9]{1,2}\.[0-9]{1,2}|gfx[0-9a-f]{3,5})?$"
"""The pattern of a card's compute capability or instruction set; empty where it has none."""
MOST_ARTIFACTS = 1000
"""Files and folders that a run leaves."""
MOST_CARDS = 1024
MOST_HOLDERS = 10_000
"""Processes that hold memory of one card."""
MOST_NAME_CHARS = 100
MOST_LABEL_CHARS = 200
"""Of a short text such as a column's name, a revision or a license."""
MOST_SENTENCE_CHARS = 1000
MOST_SYSTEM_CHARS = 16_000
"""Of a system message."""
MOST_PATH_BYTES = 4095
"""Linux's own limit of a path (`PATH_MAX` without its end)."""
MOST_PATH_PART_BYTES = 255
"""Of one name in a path (`NAME_MAX`)."""
