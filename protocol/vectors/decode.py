"""Checks every vector in this folder against PROTOCOL.md, written from that text alone. Python 3, nothing else.

Usage: python3 decode.py [folder]. Prints how many checks passed; exit code 1 with the first that did not.
"""

import hashlib
import json
import math
import pathlib
import re
import struct
import sys
import urllib.parse
import zlib

FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
FOLDER = FOLDER if FOLDER.is_dir() else FOLDER.parent
checks = 0


class Refused(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def same(actual, wanted, what):
    global checks
    checks += 1
    if actual != wanted:
        sys.exit(f"{what}: got {actual!r}, want {wanted!r}")


def need(condition, code):
    if not condition:
        raise Refused(code)


def state_of(text):
    return [None if word == "null" else int(word) for word in text.split()]


# ---- section 2


def varint(data, at):
    value = 0
    for n in range(5):
        need(at < len(data), "cut")
        byte = data[at]
        at += 1
        value |= (byte & 127) << (7 * n)
        if byte < 128:
            need(value < 2**32 and (byte > 0 or n == 0), "bad_code")
            return value, at
    raise Refused("bad_code")


# ---- sections 3 and 4


def quantise(value, resolution):
    x = value / resolution
    down = math.floor(x)
    return down + (1 if x - down >= 0.5 else 0)


class Channel:
    def __init__(self, entry):
        self.key = entry["key"]
        self.lowest = quantise(entry["min"], entry["resolution"])
        self.highest = quantise(entry["max"], entry["resolution"])
        self.width = (self.highest - self.lowest).bit_length()
        coding = entry.get("coding", {})
        self.busy = coding.get("busy", False)
        self.k = coding.get("k", 2)
        self.source = coding.get("from")
        self.ratio = coding.get("ratio", 256)


class Catalogue:
    def __init__(self, text):
        value = json.loads(text)
        self.hash = hashlib.sha256(text.encode("utf-8")).hexdigest()
        self.tag = struct.unpack_from("<I", bytes.fromhex(self.hash))[0]
        self.channels = [Channel(entry) for entry in value["channels"]]
        keys = [channel.key for channel in self.channels]
        self.views = [("full", list(range(len(keys))))]
        for name, members in value.get("views", {}).items():
            self.views.append((name, sorted(keys.index(key) for key in members)))

    def own(self, keys):
        """View id 61: the channels that a client listed, in catalogue order."""
        return [channel for channel in self.channels if channel.key in keys]

    def view(self, name):
        indices = dict(self.views)[name]
        return [self.channels[index] for index in indices]


# ---- section 5


class Bits:
    def __init__(self, data):
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def u(self, count):
        need(self.at + count <= len(self.text), "cut")
        self.at += count
        return int(self.text[self.at - count : self.at] or "0", 2)

    def g(self, k):
        zeros = 0
        while zeros <= 31 and self.u(1) == 0:
            zeros += 1
        need(zeros <= 31, "bad_code")
        return ((((1 << zeros) | self.u(zeros)) - 1) << k) | self.u(k)

    def end(self):
        need(len(self.text) - self.at < 8 and "1" not in self.text[self.at :], "overlong")


def unzigzag(z):
    return z // 2 if z % 2 == 0 else -(z + 1) // 2


# ---- sections 6 and 7; a state is the list of the view's values


def checked(channel, value):
    need(channel.lowest <= value <= channel.highest, "out_of_range")
    return value


def apply_delta(view, before, data):
    bits, after, toggled = Bits(data), list(before), set()
    if bits.u(1):
        count, index = bits.g(1) + 1, -1
        need(count <= len(view), "bad_code")
        for _ in range(count):
            index += 1 + bits.g(3)
            need(index < len(view), "bad_code")
            channel = view[index]
            after[index] = checked(channel, bits.u(channel.width) + channel.lowest) if before[index] is None else None
            toggled.add(index)
    differences = {}
    for index, channel in enumerate(view):
        if not channel.busy or before[index] is None or index in toggled:
            continue
        d = unzigzag(bits.g(channel.k))
        if channel.source in {other.key for other in view}:
            e = differences.get(channel.source, 0)
            d += max(-(2**29), min(2**29, (e * channel.ratio + 128) // 256))
        differences[channel.key] = d
        after[index] = checked(channel, before[index] + d)
    quiet = [index for index, channel in enumerate(view) if not channel.busy]
    count, place = bits.g(1), -1
    need(count <= len(quiet), "bad_code")
    order = (len(quiet) // count).bit_length() - 1 if count else 0
    for _ in range(count):
        place += 1 + bits.g(order)
        need(place < len(quiet), "bad_code")
        index = quiet[place]
        need(before[index] is not None and index not in toggled, "out_of_range")
        after[index] = checked(view[index], before[index] + unzigzag(bits.g(view[index].k) + 1))
    bits.end()
    return after


def whole_state(view, data):
    bits = Bits(data)
    state = [checked(channel, bits.u(channel.width) + channel.lowest) if bits.u(1) else None for channel in view]
    bits.end()
    return state


# ---- sections 8 and 9


def read_slices(data, at):
    """Yields (slot, view id, kind, payload)."""
    last = (-1, 3)
    while at < len(data):
        need(at + 2 <= len(data), "cut")
        slot, tag = data[at], data[at + 1]
        need(slot < 250, "bad_slot")
        need(slot > last[0] or (slot == last[0] and tag & 3 == 3 and last[1] != 3), "bad_slot")
        last = (slot, tag & 3)
        length, at = varint(data, at + 2)
        need(at + length <= len(data), "cut")
        yield slot, tag >> 2, tag & 3, data[at : at + length]
        at += length


def car_id(payload):
    need(len(payload) > 0 and len(payload) > payload[0], "bad_car")
    text = payload[1 : 1 + payload[0]].decode("latin-1")
    need(re.fullmatch("[A-Za-z0-9_-]{1,8}", text), "bad_car")
    return text, payload[1 + payload[0] :]


def numbers(state):
    return b"".join(struct.pack("<i", -(2**31) if value is None else value) for value in state)


def digest_of_car(car, state):
    return zlib.crc32(car.encode("ascii") + numbers(state))


# ---- section 10


def apply_slices(catalogue, data, at, before):
    field, view = dict(before), catalogue.view("full")
    for slot, view_id, kind, payload in read_slices(data, at):
        need(view_id == 0 and kind != 3, "bad_view")
        if kind == 0:
            need(field.get(slot, (None, None))[1] is not None, "no_base")
            car, state = field[slot]
            field[slot] = (car, apply_delta(view, state, payload))
            continue
        car, rest = car_id(payload)
        need(slot <= len(field), "bad_slot")
        owners = {other for other, (name, _) in field.items() if name == car}
        need(owners == {slot} if slot in field else not owners, "bad_car")
        need(kind == 1 or not rest, "overlong")
        field[slot] = (car, whole_state(view, rest) if kind == 1 else None)
    return field


def read_stream_message(catalogue, data, before):
    need(len(data) >= 28, "cut")
    kind, version, tick = struct.unpack_from("<BBI", data)
    need(kind in (1, 2, 3), "bad_type")
    need(version == 1, "bad_version")
    tag, digest = struct.unpack_from("<II", data, 20)
    need(tag == catalogue.tag, "wrong_catalogue")
    close = int.from_bytes(data[6:12], "little")
    message = {"tick": tick, "closeAtMs": close, "epoch": data[12:20].hex(), "field": {}}
    at = 28
    if kind != 1:
        message["revision"] = struct.unpack_from("<I", data, at)[0]
        at += 4
    if kind == 2:
        length, at = varint(data, at)
        need(at + length <= len(data), "cut")
        message["doc"] = data[at : at + length].hex()
        at += length
    if kind == 3:
        message["doc"] = data[at:].hex()
    else:
        message["field"] = apply_slices(catalogue, data, at, before if kind == 1 else {})
    crc = zlib.crc32(data[28:], zlib.crc32(data[:24]))
    for slot, (car, state) in sorted(message["field"].items()):
        if state is not None:
            crc = zlib.crc32(struct.pack("<i", slot) + car.encode("ascii") + numbers(state), crc)
    need(crc == digest, "digest")
    return message


# ---- section 11; a client holds {slot: (car, view, state)}; `own` is the list of channels of the connection


def read_frame(catalogue, data, held_tick, held, own=None):
    need(len(data) >= 18, "cut")
    kind, flags, tick = struct.unpack_from("<BBI", data)
    need(kind in (0x11, 0x12), "bad_type")
    frame = {"flags": flags, "tick": tick}
    frame["closeAtMs"], frame["seq"] = (int.from_bytes(data[at : at + 6], "little") for at in (6, 12))
    if kind == 0x12:
        return frame | {"doc": data[18:].hex()}, held
    frame["span"], at = varint(data, 18)
    need(bool(flags & 1) == (frame["span"] == 0), "bad_code")
    need(flags & 1 or held_tick == tick - frame["span"], "gap")
    cars = {} if flags & 1 else dict(held)
    for slot, view_id, slice_kind, payload in read_slices(data, at):
        need(view_id < len(catalogue.views) or view_id == 61 and own, "bad_view")
        view = catalogue.own(own) if view_id == 61 else catalogue.view(catalogue.views[view_id][0])
        held_as = (view_id, own if view_id == 61 else None)
        if slice_kind in (1, 2):
            car, rest = car_id(payload)
            owners = {other for other, (name, _, _) in cars.items() if name == car}
            need(owners == {slot} if slot in cars else not owners, "bad_car")
            need(slice_kind == 1 or not rest, "overlong")
            cars.pop(slot, None)
            if slice_kind == 1:
                cars[slot] = (car, held_as, whole_state(view, rest))
            continue
        need(slot in cars and cars[slot][1] == held_as, "no_base")
        car, _, state = cars[slot]
        if slice_kind == 0:
            cars[slot] = (car, held_as, apply_delta(view, state, payload))
        else:
            need(len(payload) == 4, "cut")
            need(struct.unpack("<I", payload)[0] == digest_of_car(car, state), "digest")
    return frame, cars


def read_bundle(data):
    need(data[0] == 0x13, "bad_type")
    at, frames = 1, []
    while at < len(data):
        length, at = varint(data, at)
        need(at + length <= len(data), "cut")
        frames.append(data[at : at + length])
        at += length
    return frames


# ---- section 20


def read_poll_answer(data):
    need(data[0] == 0x14, "bad_type")
    need(data[1] == 1, "bad_version")
    length, at = varint(data, 2)
    need(length <= 4096, "bad_answer")
    need(at + length <= len(data), "cut")
    head, records = json.loads(data[at : at + length]), []
    at += length
    while at < len(data):
        need(at + 6 <= len(data), "cut")
        seq = int.from_bytes(data[at : at + 6], "little")
        need(not records or seq > records[-1]["seq"], "bad_answer")
        length, at = varint(data, at + 6)
        need(at + length <= len(data), "cut")
        records.append({"seq": seq, "hex": data[at : at + length].hex()})
        at += length
    need(not records or head["to"] == f"{head['epoch']}:{records[-1]['seq']}", "bad_answer")
    return head, records


# ---- section 13


def read_hello(value, catalogue):
    need(type(value.get("version")) in (int, float), "bad_message")
    hello = {"version": value["version"]} | read_wish(value | {"watch": value.get("watch") or []}, catalogue)
    hello |= {"history": value.get("history") or "latest", "doc": value.get("doc") is not False}
    hello["rate"] = read_rate(2 if value.get("rate") is None else value["rate"])
    need(hello["history"] in ("all", "latest"), "bad_message")
    if value.get("since") not in (None, ""):
        match = re.fullmatch("([0-9a-f]{16}):([1-9][0-9]{0,14})", str(value["since"]))
        hello["since"] = {"epoch": match[1], "seq": int(match[2])} if match else "garbled"
    return hello


def read_rate(value):
    need(value in (2, 1, 0.5, 0.2), "bad_rate")
    return value


def read_wish(value, catalogue):
    views = [name for name, _ in catalogue.views]
    channels = value.get("channels")
    if channels is not None:
        known = {channel.key for channel in catalogue.channels}
        need(isinstance(channels, list) and channels and set(channels) <= known, "bad_watch")
        need(len(set(channels)) == len(channels), "bad_watch")
        views.append("own")
    wish = {"watch": read_watch(value.get("watch"), views)}
    return wish if channels is None else wish | {"channels": channels}


def read_watch(value, views):
    need(isinstance(value, list), "bad_watch")
    watch = [{"car": entry.get("car"), "view": entry.get("view") or "full"} for entry in value]
    need(all(re.fullmatch("[A-Za-z0-9_-]{1,8}", one["car"] or "") and one["view"] in views for one in watch), "bad_watch")
    need(len({one["car"] for one in watch}) == len(watch), "bad_watch")
    return watch


def read_client_text(text, catalogue):
    try:
        value = json.loads(text)
    except ValueError:
        raise Refused("bad_message") from None
    if value["type"] == "hello":
        return {"type": "hello"} | read_hello(value, catalogue)
    if value["type"] == "watch":
        return {"type": "watch", "id": value.get("id", 0)} | read_wish(value, catalogue)
    if value["type"] == "rate":
        return {"type": "rate", "id": value.get("id", 0), "rate": read_rate(value.get("rate"))}
    return value


def read_query(query, catalogue):
    value = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    value["version"] = int(value.get("version", "1"))
    value["doc"] = value.get("doc") != "0"
    entries = [entry.partition(":") for entry in value["watch"].split(",") if value["watch"]]
    value["watch"] = [{"car": car, "view": view} for car, _, view in entries]
    if "channels" in value:
        value["channels"] = value["channels"].split(",")
    if "rate" in value:
        value["rate"] = float(value["rate"])
    return read_hello(value, catalogue)


# ---- the vectors


def refusal(what, act, code=None):
    try:
        act()
    except Refused as refused:
        same(refused.code if code else None, code, what)
        return
    sys.exit(f"{what}: was not refused")


def main():
    catalogues = {}
    for vector in load("catalogues"):
        name, catalogue = vector["name"], Catalogue(vector["json"])
        catalogues[name] = catalogue
        same((catalogue.hash, catalogue.tag), (vector["hash"], vector["tag"]), f"identity of {name}")
        for limit in ("lowest", "highest"):
            same([getattr(c, limit) for c in catalogue.channels], state_of(vector[limit]), f"{limit} of {name}")
        for view in vector["views"]:
            same(catalogue.views[view["id"]][0], view["name"], f"view id in {name}")
            same(catalogue.views[view["id"]][1], state_of(view["channels"]), f"channels of view in {name}")
            for kind in ("busy", "quiet"):
                wanted = [c for c in state_of(view["channels"]) if catalogue.channels[c].busy == (kind == "busy")]
                same(wanted, state_of(view[kind]), f"{kind} channels of view in {name}")
    vectors = load("numbers")
    for one in vectors["quantise"]:
        is_null = one["value"] is None or not one["min"] <= one["value"] <= one["max"]
        same(None if is_null else quantise(one["value"], one["resolution"]), one["steps"], f"quantise {one}")
    for one in vectors["golomb"]:
        bits = Bits(b"")
        bits.text = one["bits"]
        same((bits.g(one["k"]), bits.at), (one["value"], len(one["bits"])), f"golomb {one}")
    for one in vectors["varint"]:
        data = bytes.fromhex(one["hex"])
        same(varint(data, 0), (one["value"], len(data)), f"varint {one}")
    for one in load("deltas"):
        view = catalogues[one["catalogue"]].view(one["view"])
        same(apply_delta(view, state_of(one["before"]), bytes.fromhex(one["hex"])), state_of(one["after"]), f"delta {one}")
    for one in load("states"):
        view = catalogues[one["catalogue"]].view(one["view"])
        same(whole_state(view, bytes.fromhex(one["hex"])), state_of(one["state"]), f"state {one}")
    for one in load("slices"):
        [(slot, view_id, kind, payload)] = read_slices(bytes.fromhex(one["hex"]), 0)
        name = ("delta", "full", "gone", "digest")[kind]
        same((slot, view_id, name), (one["slot"], one["viewId"], one["kind"]), f"slice {one}")
        if "car" in one:
            same(car_id(payload)[0], one["car"], f"slice {one}")
    for run in load("stream"):
        field = {}
        for one in run["messages"]:
            data = bytes.fromhex(one["hex"])
            before = {} if one.get("isFromEmpty") else field
            message = read_stream_message(catalogues[run["catalogue"]], data, before)
            for key in ("tick", "closeAtMs", "epoch", "revision", "doc"):
                same(message.get(key), one.get(key), f"{key} of {one['type']} {one['tick']}")
            if "field" in one:
                wanted = {c["slot"]: (c["car"], None if c["state"] == "gone" else state_of(c["state"])) for c in one["field"]}
                same(message["field"], wanted, f"field after {one['type']} {one['tick']}")
                field = message["field"]
            for at in range(len(data)):
                altered = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
                refusal(f"byte {at} altered", lambda a=altered, b=before: read_stream_message(catalogues[run["catalogue"]], a, b))
    for one in load("bundles"):
        same([frame.hex() for frame in read_bundle(bytes.fromhex(one["hex"]))], one["frames"], "bundle")
    for one in load("polls"):
        data = bytes.fromhex(one["hex"])
        same(read_poll_answer(data), (one["head"], one["records"]), "answer to a poll")
        if one["records"]:
            refusal("an answer that is cut", lambda data=data: read_poll_answer(data[:-1]), "cut")
    for run in load("frames"):
        tick, cars = None, {}
        for one in run["frames"]:
            own = one["channels"].split() if "channels" in one else None
            frame, cars = read_frame(catalogues[run["catalogue"]], bytes.fromhex(one["hex"]), tick, cars, own)
            tick = frame["tick"]
            for key in frame:
                same(frame[key], one[key], f"{key} of frame {one['about']}")
            if "cars" in one:
                wanted = {c["slot"]: (c["car"], c["viewId"], state_of(c["state"])) for c in one["cars"]}
                found = {slot: (car, view[0], state) for slot, (car, view, state) in cars.items()}
                same(found, wanted, f"cars after frame {one['about']}")
    vectors = load("control")
    catalogue = catalogues[vectors["catalogue"]]
    for one in vectors["client"]:
        same(read_client_text(one["text"], catalogue), one["message"], one["text"])
    for one in vectors["queries"]:
        same(read_query(one["query"], catalogue), one["hello"], one["query"])
    for one in vectors["refused"]:
        refusal(one["text"], lambda one=one: read_client_text(one["text"], catalogue), one["code"])
    vectors = load("refused")
    for one in vectors["varints"]:
        refusal(f"varint {one}", lambda one=one: varint(bytes.fromhex(one["hex"]), 0))
    view = catalogues["example"].view("full")
    for one in vectors["deltas"]:
        act = lambda one=one: apply_delta(view, state_of(one["before"]), bytes.fromhex(one["hex"]))
        refusal(f"delta {one}", act, one["code"])
    print(f"{checks} checks passed")


main()
