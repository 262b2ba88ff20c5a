"""The book's two loops by redis-py, as a peer: APPEND of 128 KiB blocks one in flight, and lines out of SUBSTR blocks."""
import sys, time
import redis

conn = redis.Redis(unix_socket_path=sys.argv[2])
block = 2 ** 17


def write(path, key):
    conn.delete(key)
    started = time.perf_counter()
    with open(path, "rb") as source:
        while data := source.read(block):
            conn.append(key, data)
    return time.perf_counter() - started


def lines(key):
    rest, at = b"", 0
    while data := conn.execute_command("SUBSTR", key, at, at + block - 1):
        at += len(data)
        rest += data
        end = rest.rfind(b"\n")
        if end >= 0:
            # As the book does it: split, and give each line its end back.
            for line in rest[:end].split(b"\n"):
                yield line + b"\n"
            rest = rest[end + 1 :]
        if len(data) < block:
            break
    if rest:
        yield rest


if sys.argv[1] == "write":
    print(write(sys.argv[3], sys.argv[4]))
else:
    started = time.perf_counter()
    count = sum(1 for _ in lines(sys.argv[3]))
    print(time.perf_counter() - started, count)
