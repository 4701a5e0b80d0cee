"""A single-threaded forwarder on Python's http.server, as people write it: forwarder.py PORT UPSTREAM_PORT. Prints where it listens."""
import http.client
import http.server
import sys

port, upstream = int(sys.argv[1]), int(sys.argv[2])


class Forwarder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        connection = http.client.HTTPConnection("127.0.0.1", upstream)
        connection.request("POST", self.path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        self.send_response(answer.status)
        self.send_header("content-type", answer.getheader("content-type", "text/plain"))
        self.send_header("connection", "close")
        self.end_headers()
        while chunk := answer.read1(65536):
            self.wfile.write(chunk)
            self.wfile.flush()
        connection.close()
        self.close_connection = True

    do_GET = do_POST

    def log_message(self, *_):
        pass


print(f"http://127.0.0.1:{port}", flush=True)
http.server.HTTPServer(("127.0.0.1", port), Forwarder).serve_forever()
