"""Runs the HTTP server of llama.cpp from an unpacked xllamacpp wheel, as llama-server would run it.

usage: serve.py WHEEL_FOLDER SETTINGS         serve until stdin ends
       serve.py WHEEL_FOLDER SETTINGS check   evaluate one token, print the answer and exit

SETTINGS is a JSON object. Each key is a field of xllamacpp.CommonParams (llama.cpp's common_params), with a dot for a
field of a field: {"model.path": "/a.gguf", "n_ctx": 4096, "cpuparams.n_threads": 2}. Enums take their number.
An unknown field is an error. When the server accepts requests, "ready at http://HOST:PORT" goes to stderr.
"""

import json
import os
import sys


def main(wheel, settings, mode="serve"):
    sys.path.insert(0, wheel)
    import xllamacpp

    params = xllamacpp.CommonParams()
    for name, value in json.loads(settings).items():
        assign(params, name, value)
    server = xllamacpp.Server(params)
    if mode == "check":
        print(json.dumps(server.handle_completions({"prompt": "a", "max_tokens": 1})))
    else:
        # One write with its own line breaks: llama.cpp writes a log line in pieces, and this must not end up inside one.
        os.write(sys.stderr.fileno(), f"\nready at {server.listening_address}\n".encode())
        # The end of stdin means that whoever started the server is gone, even if it was killed.
        sys.stdin.buffer.read()
    # Stopping the server in an orderly way can hang while a request runs.
    sys.stdout.flush()
    os._exit(0)


# --- internal ---


def assign(params, name, value):
    *path, field = name.split(".")
    owner = params
    for part in path:
        owner = getattr(owner, part)
    if not hasattr(owner, field):
        sys.exit(f"this build of llama.cpp has no setting {name}")
    kind = type(getattr(owner, field))
    # Enums reject plain numbers; all other fields take JSON values as they are.
    setattr(owner, field, kind(value) if hasattr(kind, "__members__") else value)


if __name__ == "__main__":
    main(*sys.argv[1:])
