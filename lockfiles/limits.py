"""The largest values of a run, for both the interview and the lock.

A lock is untrusted input: each bound also limits the cost of checking it.
"""

MOST_EPOCHS = 1000
MOST_ROWS = 100_000_000
MOST_ORDERED_ROWS = 1_000_000_000
"""Rows times epochs: the order of every epoch is computed row by row."""
MOST_TOKENS = 10**15
"""Total over all rows."""
MOST_LENGTH_TOKENS = 1 << 20
"""Of `train.max_length` as set in `run.toml`."""
MOST_CONTEXT_TOKENS = 1 << 24
"""The largest context of a model, and so the largest length derived from the data."""
MOST_TOKEN_ID = (1 << 24) - 1
MOST_RANK = 1024
MOST_LAYERS = 4096
MOST_OWN_FACTS = 40
MOST_ALPHA = 4096
MOST_DROPOUT = 0.9
MOST_TARGETS = 64
MOST_MICRO_BATCH = 1024
"""As set in `run.toml`; a plan uses at most the effective batch."""
MOST_EFFECTIVE_BATCH = 65536
MOST_EFFECTIVE_TOKENS = 10_000_000
LEAST_LEARNING_RATE = 1e-8
MOST_LEARNING_RATE = 0.1
MOST_WARMUP_RATIO = 0.9
MOST_WEIGHT_DECAY = 1.0
MOST_SEED = 2**32 - 1
MOST_FRACTION = 0.5
"""Of the validation split, and of general rows among the training rows."""
MOST_SAMPLES = 1000
"""Held-out rows whose answers are shown."""
MOST_THREADS = 4096
MOST_GRAPHS = 64
"""Sizes of passes that are recorded as CUDA graphs."""
GRAPH_STEP = 64
"""Tokens of which such sizes are multiples, as fast kernels want it."""
MOST_PROCESSES = 1024
"""Of one training run; each process has its own card."""
MOST_PARAMETERS = 10**13
BUCKET_ELEMENTS, PREFETCHED_ELEMENTS = 500_000_000, 50_000_000
"""DeepSpeed's defaults of `reduce_bucket_size` and `stage3_prefetch_bucket_size`."""
MOST_ELEMENTS = 1 << 40
"""Elements that travel between processes at once."""
MOST_WIDTH = 1 << 24
"""Of any dimension of a model's shape."""
MOST_MODEL_FILES = 2000
MOST_DATA_FILES = 10_000
MOST_BYTES = 1 << 50
"""More than any machine, any disk and any file has."""
MOST_SECONDS = 1e10
MOST_MONEY = 1e12
CAPABILITY = r"^([0-9]{1,2}\.[0-9]{1,2}|gfx[0-9a-f]{3,5}|xe[0-9]?-hpg|gaudi[0-9])?$"
"""The pattern of a card's compute capability or instruction set; empty where it has none."""
MOST_ARTIFACTS = 1000
"""Files and folders that a run produces."""
MOST_CARDS = 1024
MOST_HOLDERS = 10_000
"""Processes that use memory of one card."""
MOST_NAME_CHARS = 100
MOST_LABELS = 1000
"""Labels of a classification."""
MOST_LABEL_CHARS = 200
"""Of a short text such as a column's name, a revision or a license."""
MOST_SENTENCE_CHARS = 1000
MOST_SYSTEM_CHARS = 16_000
"""Of a system message."""
MOST_PATH_BYTES = 4095
"""Linux's limit for a path (`PATH_MAX` without the terminating NUL)."""
MOST_PATH_PART_BYTES = 255
"""Of one name in a path (`NAME_MAX`)."""
ROLE_OF_A_NAME = r"[^\x00-\x1f=][^\x00-\x1f]{0,80}=(system|user|assistant|tool)"
"""The pattern of a speaker's name and its role, such as `npc=assistant`."""
