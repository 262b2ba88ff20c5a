"""The book's loops for a folder of files by redis-py, as a peer: one process sends, one reads; prints the seconds until both are done."""
import json, multiprocessing, os, sys, time, uuid
import redis

block = 2 ** 17
path, channel, who = sys.argv[2], "book:", "0"


def connect():
    return redis.Redis(unix_socket_path=sys.argv[1])


def send(conn, text):
    lock, token = "lock:chat:" + channel, str(uuid.uuid4())
    while not conn.setnx(lock, token):
        time.sleep(0.001)
    message_id = conn.incr("ids:" + channel)
    message = {"id": message_id, "ts": time.time(), "sender": "source", "message": text}
    conn.zadd("msgs:" + channel, {json.dumps(message): message_id})
    with conn.pipeline(True) as pipe:
        pipe.watch(lock)
        if pipe.get(lock).decode() == token:
            pipe.multi()
            pipe.delete(lock)
            pipe.execute()


def clean(conn, waiting):
    name = waiting[0]
    if conn.get(channel + name + ":done") != b"1":
        return False
    conn.delete(channel + name, channel + name + ":done")
    waiting.pop(0)
    return True


def source():
    conn, waiting = connect(), []
    for name in sorted(os.listdir(path)):
        os.stat(os.path.join(path, name))
        with open(os.path.join(path, name), "rb") as file:
            data = b" "
            while data:
                data = file.read(block)
                conn.append(channel + name, data)
        send(conn, name)
        waiting.append(name)
    send(conn, ":done")
    while waiting:
        if not clean(conn, waiting):
            time.sleep(0.25)


def pending(conn):
    found = []
    for chat, seen in conn.zrange("seen:" + who, 0, -1, withscores=True):
        chat = chat.decode()
        messages = conn.zrangebyscore("msgs:" + chat, seen + 1, "inf")
        if not messages:
            continue
        messages = [json.loads(message) for message in messages]
        last = messages[-1]["id"]
        conn.zadd("chat:" + chat, {who: last})
        lowest = conn.zrange("chat:" + chat, 0, 0, withscores=True)[0][1]
        pipe = conn.pipeline(True)
        pipe.zadd("seen:" + who, {chat: last})
        pipe.zremrangebyscore("msgs:" + chat, 0, lowest)
        pipe.execute()
        found += messages
    return found


def lines(conn, key):
    rest, at, data = b"", 0, b" " * block
    while len(data) == block:
        data = conn.execute_command("SUBSTR", key, at, at + block - 1)
        at += len(data)
        rest += data
        end = rest.rfind(b"\n")
        if end >= 0:
            for line in rest[:end].split(b"\n"):
                yield line + b"\n"
            rest = rest[end + 1 :]
    yield rest


def process():
    conn = connect()
    while True:
        messages = pending(conn)
        for message in messages:
            name = message["message"]
            if name == ":done":
                return
            for _ in lines(conn, channel + name):
                pass
            conn.incr(channel + name + ":done")
        if not messages:
            time.sleep(0.1)


conn = connect()
conn.zadd("chat:" + channel, {who: 0, "source": 10**9})
conn.zadd("seen:" + who, {channel: 0})
conn.set("ids:" + channel, 0)
started = time.perf_counter()
reader = multiprocessing.Process(target=process)
reader.start()
source()
reader.join()
print(time.perf_counter() - started)
