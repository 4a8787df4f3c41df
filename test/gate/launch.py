"""Runs moto's server until its parent closes the pipe on stdin: also when that parent is killed."""

import os
import sys
import threading

from moto.server import main


def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
main(["--host", sys.argv[1], "--port", sys.argv[2]])
