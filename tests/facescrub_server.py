"""A web server that behaves as the test says, and lists that lead to it."""

import collections
import contextlib
import hashlib
import http.server
import io
import threading

import numpy as np
from PIL import Image

HEADER = "name\timage_id\tface_id\turl\tbbox\tsha256"


class Server(http.server.ThreadingHTTPServer):
    """Answers each path by a function of the request handler."""

    daemon_threads = True

    def __init__(self, host="127.0.0.1"):
        super().__init__((host, 0), _Handler)
        self.answers = {}
        self.num_requests = collections.Counter()
        self.headers = {}
        self.url = f"http://{host}:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,)).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """Keeps quiet when a client hangs up."""

    def serve(self, path, content=b"", status=200, **headers):
        """Answers a path with content; returns its address."""
        headers = {key.replace("_", "-"): headers[key] for key in headers}
        headers.setdefault("Content-Length", len(content))

        def answer(handler):
            handler.send_response(status)
            for key, value in headers.items():
                if value is not None:
                    handler.send_header(key, str(value))
            handler.end_headers()
            handler.wfile.write(content)

        return self.do(path, answer)

    def do(self, path, answer):
        """Answers a path by a function; returns its address."""
        self.answers[path] = answer
        return self.url + path


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.num_requests[self.path] += 1
        self.server.headers[self.path] = self.headers
        self.close_connection = True
        # Clients hang up when they have read what they announced to read.
        with contextlib.suppress(ConnectionError):
            self.server.answers[self.path](self)

    def log_message(self, *arguments):
        pass


def photo(seed=0, size=(60, 40)):
    """Returns an image whose pixels tell where they are from."""
    generator = np.random.default_rng(seed)
    values = generator.integers(0, 256, (size[1], size[0], 3), "uint8")
    return Image.fromarray(values)


def encode(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def digest(content):
    return hashlib.sha256(content).hexdigest()


def row(face_id, url, content=b"", name="Ann Lee", box="10,5,30,25"):
    """Returns a line of a list; the image has the number of the face."""
    return "\t".join(
        [name, str(face_id), str(face_id), url, box, digest(content)]
    )


def write_list(path, lines):
    path.write_text("\n".join([HEADER, *lines, ""]), "utf-8")
    return path
