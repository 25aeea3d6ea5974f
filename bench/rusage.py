"""Runs a program and writes as JSON to descriptor 3 what it took: wait4 has it exactly, and Node has no such call."""

import json
import os
import sys
import time

began = time.monotonic()
child = os.fork()
if child == 0:
    os.close(3)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
took = {
    "cpu": (usage.ru_utime + usage.ru_stime) * 1000,
    "wall": (time.monotonic() - began) * 1000,
    "memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    "code": os.waitstatus_to_exitcode(status),
}
os.write(3, json.dumps(took).encode())
