"""How long a session takes to show its prompt, to complete a name and to print a tensor, on a terminal: medians of 20.

usage: python3 session.py PROGRAM
"""
import json
import os
import pty
import select
import signal
import statistics
import sys
import time


def until(fd, text):
    """Read until the text appears; 10 seconds are the longest wait."""
    data = b""
    while text not in data:
        if not select.select([fd], [], [], 10)[0]:
            sys.exit(f"no {text} in {data}")
        data += os.read(fd, 65536)


def session(program):
    """-> prompt, completion and printing, in milliseconds."""
    begin = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.environ["HOME"] = "/nonexistent"
        os.execv(program, [program])
    until(fd, b"1> ")
    prompt = time.perf_counter()
    os.write(fd, b"x = lunette.randn(1000, 1000)\n")
    until(fd, b"2> ")
    before_tab = time.perf_counter()
    os.write(fd, b"x:norma\t")
    until(fd, b"lize")
    after_tab = time.perf_counter()
    os.write(fd, b"\x15x\n")
    until(fd, b"NaN 0")
    printed = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    os.close(fd)
    os.waitpid(pid, 0)
    return [1e3 * t for t in (prompt - begin, after_tab - before_tab, printed - after_tab)]


def main():
    times = [session(os.path.abspath(sys.argv[1])) for _ in range(20)]
    for name, values in zip(("session_prompt", "session_completion", "session_print_1000x1000"), zip(*times)):
        low, middle, high = statistics.quantiles(values, n=4)
        row = {"bench": name, "unit": "ms", "value": round(middle, 1), "spread": round(high - low, 1), "better": "lower"}
        print(json.dumps(row))


if __name__ == "__main__":
    main()
