"""Prints what torch reads of the first GPU: its name, its bytes, its compute capability."""

import json

import torch

if __name__ == "__main__":
    card = torch.cuda.get_device_properties(0)
    print(json.dumps([card.name, card.total_memory, f"{card.major}.{card.minor}"]))
