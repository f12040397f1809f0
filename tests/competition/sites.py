"""A site for the command line client to ask: it answers on 127.0.0.1 as a test has written down."""

import json
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DROP = "the connection breaks off"


class WrittenSite(ThreadingHTTPServer):
    """Answers each "METHOD /path" with what is written for it, one after the other, the last one for ever."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.written, self.asked, self.bodies = defaultdict(list), [], []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def write(self, what, *answers):
        """Answer `what` so: each is DROP, or a status and what JSON says, or bytes."""
        self.written[what] += answers

    def close(self):
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WrittenSite

    def _answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        what = f"{self.command} {self.path.split('?')[0]}"
        self.server.asked.append((what, dict(self.headers)))
        if length:
            self.server.bodies.append(body)
        answers = self.server.written[what] or [(404, {"detail": f"{what} is not written down."})]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == DROP:
            self.close_connection = True
            self.connection.close()
            return
        status, said, *headers = answer
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        for name, value in dict(*headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _answer

    def log_message(self, *_):
        pass
