"""Reports the start of a function's process to the observer, and then executes the function in the same process.

The arguments are the observer's address and the function's command. The script sends the observer the process ID, the
address of the emulator's Runtime API, and the time. It sets AWS_LAMBDA_RUNTIME_API to the observer's address, so that
the function calls the observer instead of the emulator. As in localaws, the kernel kills the function when the emulator
exits.
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
observer.request("POST", "/started", f"{os.getpid()} {api} {time.time_ns()}")  # doesn't wait for the response
os.execv(sys.argv[2], sys.argv[2:])
