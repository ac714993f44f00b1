"""exits.py CODE COMMAND...: runs the command, repeats its output, and fails unless it exits with CODE.

A command that is expected to fail must say why on the first line of stderr.
"""

import subprocess
import sys

code, command = int(sys.argv[1]), sys.argv[2:]
done = subprocess.run(command, capture_output=True)
sys.stdout.buffer.write(done.stdout + done.stderr)
sys.stdout.flush()
if done.returncode != code:
    sys.exit(f"exit code {done.returncode}, expected {code}")
if code == 2 and not done.stderr.startswith(b"gqa-run: error: "):
    sys.exit("the first line of stderr is not the error")
