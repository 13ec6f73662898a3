"""Tells the observer when a function's process starts, and becomes the function.

Arguments: the observer's address, then the function's command. The observer learns what the process is and where the
emulator's Runtime API is, and the function takes the observer for the Runtime API. As in localaws, the kernel kills the
function when the emulator dies.
"""

import ctypes
import http.client
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

api = os.environ["AWS_LAMBDA_RUNTIME_API"]
os.environ["AWS_LAMBDA_RUNTIME_API"] = sys.argv[1]
observer = http.client.HTTPConnection(sys.argv[1])
observer.connect()
observer.request("POST", "/started", f"{os.getpid()} {api} {time.time_ns()}")  # the answer is not waited for
os.execv(sys.argv[2], sys.argv[2:])
