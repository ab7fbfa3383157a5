#!/usr/bin/env python3
"""A certificate store for sealrelay: folder.py DIR keeps ALIAS.pem in the folder DIR.

It speaks the contract of docs/stores-script.md: one JSON request on standard input, JSON
lines on standard output, and is meant to be changed into what your store needs.
"""

import json
import os
import sys
import tempfile


def say(**line):
    print(json.dumps(line), flush=True)


def fail(kind, message):
    say(error={"class": kind, "message": message})
    sys.exit(0)


def path_of(folder, alias):
    if not alias or alias.startswith(".") or "/" in alias or "\0" in alias:
        fail("invalid", "an alias is a file's name")
    return os.path.join(folder, alias + ".pem")


def entry(alias, text):
    key = text[text.index("-----BEGIN CERTIFICATE") :] if "-----BEGIN CERTIFICATE" in text else ""
    kind = "exportable" if "PRIVATE KEY-----" in text else "none"
    if not key:
        return {"alias": alias, "problem": "there is no certificate in it"}
    return {"alias": alias, "key": key, "private_key": kind}


def read(path):
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        fail("denied" if isinstance(error, PermissionError) else "unreadable", error.strerror)


def write(folder, path, text):
    handle, temporary = tempfile.mkstemp(dir=folder)  # Mode 0600.
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)
    parent = os.open(folder, os.O_RDONLY)
    os.fsync(parent)
    os.close(parent)


def add(folder, request):
    path = path_of(folder, request["alias"])
    if request.get("tags") or request.get("not_exportable"):
        fail("invalid", "a folder has no tags, and keys that are in it can be read")
    text = request.get("private_key", "") + request["certificates"]
    there = read(path)
    if there == text or there is not None and entry("", there) == entry("", text):
        return say(outcome={"did": "unchanged"})
    if there is not None and not request.get("overwrite"):
        fail("exists", request["alias"])
    if not request.get("dry_run"):
        write(folder, path, text)
    return say(outcome={"did": "added" if there is None else "replaced"})


def remove(folder, request):
    path = path_of(folder, request["alias"])
    if read(path) is None:
        fail("not-found", request["alias"])
    if not request.get("dry_run"):
        os.remove(path)
    return say(outcome={"did": "removed"})


def main():
    folder = sys.argv[1]
    request = json.loads(sys.stdin.readline())
    if request["version"] != 1:
        fail("invalid", "this program knows version 1 of the contract")
    operation = request["operation"]
    if operation == "inventory":
        for name in sorted(os.listdir(folder)):
            if name.endswith(".pem") and not name.startswith("."):
                text = read(os.path.join(folder, name))
                if text is not None:
                    say(entry=entry(name[: -len(".pem")], text))
    elif operation == "lookup":
        text = read(path_of(folder, request["alias"]))
        if text is None:
            fail("not-found", request["alias"])
        say(entry=entry(request["alias"], text))
    elif operation == "add":
        add(folder, request)
    elif operation == "remove":
        remove(folder, request)
    else:
        fail("invalid", "there is no operation " + operation)
    say(done=True)


if __name__ == "__main__":
    main()
