"""A pseudo-terminal that plays the person."""
import errno
import os
import pty
import re
import select
import time

from common import BOXAGNTS, expect


class Terminal:
    def __init__(self, p, *args, env=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(p.work)
            os.execve(BOXAGNTS, [BOXAGNTS, *map(str, args)], {**p.env, "TERM": "xterm", **(env or {})})
        self.seen = ""

    def until(self, pattern, seconds=20):
        """Reads until the pattern has appeared; the bound only ends a broken build."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.seen, re.DOTALL):
            expect(select.select([self.fd], [], [], max(0, end - time.monotonic()))[0], "waiting for", pattern, self.seen)
            try:
                piece = os.read(self.fd, 65536)
            except OSError as e:
                expect(e.errno == errno.EIO, e)
                piece = b""
            expect(piece, "ended before", pattern, self.seen)
            self.seen += piece.decode(errors="replace")

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        while True:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                break
            if not piece:
                break
            self.seen += piece.decode(errors="replace")
        os.close(self.fd)
        status = os.waitpid(self.pid, 0)[1]
        return os.waitstatus_to_exitcode(status)
