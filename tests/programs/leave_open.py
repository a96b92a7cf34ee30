"""Leaves a socket open, in a circle of objects, and ends with the code 3."""

import socket
import sys


def main() -> None:
    circle: list[object] = [socket.socket()]
    circle.append(circle)
    print("left")
    sys.exit(3)


if __name__ == "__main__":
    main()
