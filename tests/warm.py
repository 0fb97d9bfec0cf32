"""A Python that has imported what commands need, and forks for each of them: an import of torch takes longer than most.

`python warm.py SOCKET` serves. A client, `python -S warm.py SOCKET PROGRAM ARGUMENTS…`, hands over its arguments,
environment, directory and open files, and ends with the exit code of the fork. PROGRAM is `rnnlm`, or `python` with -c
or a file.
"""

import array
import json
import os
import socket
import sys

_LONGEST = 2**20


def client(path: str, arguments: list[str]) -> int:
    """Run in a fork of the server; its exit code."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        request = json.dumps({"arguments": arguments, "environment": dict(os.environ), "directory": os.getcwd()})  # noqa: PTH109 quick to import
        files = array.array("i", [0, 1, 2])
        connection.sendmsg([request.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
        connection.shutdown(socket.SHUT_WR)
        return int(connection.recv(16) or b"70")


def serve(path: str) -> None:
    """Answer clients until standard input ends."""
    import select
    import signal

    import numpy  # noqa: F401
    import torch  # noqa: F401

    import rnnlm.cli.app  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        while True:
            ready, _, _ = select.select([listening, 0], [], [])
            if 0 in ready:
                return
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                code = _run(connection)
                connection.sendall(b"%d" % code)
                os._exit(0)
            connection.close()


def _run(connection: socket.socket) -> int:
    """The program of a client, in a fork; its exit code."""
    import runpy

    content, ancillary, _, _ = connection.recvmsg(_LONGEST, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    while part := connection.recv(_LONGEST):
        content += part
    files = array.array("i")
    files.frombytes(ancillary[0][2])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    given = json.loads(content)
    os.environ.clear()
    os.environ.update(given["environment"])
    os.chdir(given["directory"])
    program, *arguments = given["arguments"]
    try:
        if program == "rnnlm":
            sys.argv = ["rnnlm", *arguments]
            runpy.run_module("rnnlm", run_name="__main__")
        elif arguments[0] == "-c":
            sys.argv = ["-c", *arguments[2:]]
            sys.path.insert(0, "")
            exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
        if isinstance(left.code, str):
            sys.stderr.write(f"{left.code}\n")
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = 141
    return code


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(sys.argv[1])
    else:
        sys.exit(client(sys.argv[1], sys.argv[2:]))
